-- ARGV: child. Returns number and delivery of everything it holds.
local held, numbers = {}, call('SMEMBERS', P .. 'h:' .. ARGV[1])
for nth, text in ipairs(claims_of(numbers)) do
  held[#held + 1] = numbers[nth]
  held[#held + 1] = read_claim(text).delivery
end
return held
