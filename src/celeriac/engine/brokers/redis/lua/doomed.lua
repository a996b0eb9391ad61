-- ARGV: worker. Returns number, child, delivery of each running job of its children that somebody asked to terminate.
local found = {}
for _, number in ipairs(call('SMEMBERS', P .. 'doomed')) do
  local text = call('HGET', P .. 'claims', number)
  local claim = text and read_claim(text)
  if claim and call('SISMEMBER', P .. 'kids:' .. ARGV[1], claim.child) == 1 then
    found[#found + 1] = number
    found[#found + 1] = claim.child
    found[#found + 1] = claim.delivery
  end
end
return found
