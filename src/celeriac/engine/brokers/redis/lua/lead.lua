-- ARGV: duty, holder, seconds. Returns 1 where the holder leads.
local time, leading = now(), call('HGET', P .. 'leaders', ARGV[1])
if leading then
  local until_, holder = string.match(leading, '^(%S+) (.*)$')
  if holder ~= ARGV[2] and tonumber(until_) >= time then return 0 end
end
call('HSET', P .. 'leaders', ARGV[1], exact(time + tonumber(ARGV[3])) .. ' ' .. ARGV[2])
return 1
