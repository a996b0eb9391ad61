-- ARGV: '1' to terminate what runs or '0', ids ... Returns how many jobs were changed.
local time, changed = now(), 0
for nth = 2, #ARGV do
  local number = call('GET', P .. 'i:' .. ARGV[nth])
  local job = number and call('HMGET', P .. 'j:' .. number, 's', 'q') or {}
  local state, queue = job[1], job[2]
  if state == 'running' then
    call('HSET', P .. 'j:' .. number, 'x', 1) -- it is not to start again
    if ARGV[1] == '1' then changed = changed + call('SADD', P .. 'doomed', number) end
  elseif state == 'waiting' or state == 'scheduled' or state == 'parked' or state == 'blocked' then
    call('ZREM', P .. 'w:' .. queue, number)
    call('ZREM', P .. 'due', number)
    call('SREM', P .. 'parked', number)
    cancelled(number, queue, state, time)
    changed = changed + 1
  end
end
finish()
wake_keepers()
return changed
