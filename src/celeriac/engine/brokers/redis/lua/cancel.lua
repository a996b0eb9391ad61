-- ARGV: '1' to terminate what runs or '0', ids ... Returns how many jobs were changed.
local time, changed, ids = now(), 0, {}
for nth = 2, #ARGV do ids[nth - 1] = ARGV[nth] end
for _, number in ipairs(values_of('i:', ids)) do
  local state, ended
  if number and not dropped[number] then state, ended = state_of(number) end
  if state == 'running' then
    call('HSET', P .. 'm:' .. number, 'x', 1) -- it is not to start again
    if ARGV[1] == '1' then changed = changed + call('SADD', P .. 'doomed', number) end
  elseif state == 'waiting' or state == 'scheduled' or state == 'parked' then
    local queue = job_of(number).queue
    call('ZREM', P .. 'w:' .. queue, number)
    call('ZREM', P .. 'due', number)
    call('SREM', P .. 'parked', number)
    tally(state, queue, -1)
    cancelled(number, queue, time, ended and ended.rest)
    dropped[number] = true
    changed = changed + 1
  end
end
finish()
wake_keepers()
return changed
