-- ARGV: the failure of an unwanted job, then number, child, delivery ... Returns how many went back.
local time, gone = now(), 0
for first = 2, #ARGV, 3 do
  local number = ARGV[first]
  local claim = holding(number, ARGV[first + 1], tonumber(ARGV[first + 2]))
  if claim and call('HEXISTS', P .. 'm:' .. number, 'b') == 0 then
    give_back(number, claim, time, ARGV[1])
    gone = gone + 1
  end
end
finish()
return gone
