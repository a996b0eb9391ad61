-- ARGV: worker. Returns number, child, delivery of each running job of its children that somebody asked to terminate.
local found = {}
for _, number in ipairs(call('SMEMBERS', P .. 'doomed')) do
  local job = call('HMGET', P .. 'j:' .. number, 's', 'c', 'd')
  if job[1] == 'running' and call('SISMEMBER', P .. 'kids:' .. ARGV[1], job[2]) == 1 then
    found[#found + 1] = number
    found[#found + 1] = job[2]
    found[#found + 1] = job[3]
  end
end
return found
