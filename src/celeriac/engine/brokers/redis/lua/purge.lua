-- ARGV: queues ... Cancels what waits in them and what is scheduled for them. Returns how many jobs.
local time, changed, wanted = now(), 0, {}
for _, queue in ipairs(ARGV) do
  wanted[queue] = true
  for _, number in ipairs(call('ZRANGE', P .. 'w:' .. queue, 0, -1)) do
    tally('waiting', queue, -1)
    cancelled(number, queue, time)
    changed = changed + 1
  end
  call('DEL', P .. 'w:' .. queue)
end
for _, number in ipairs(call('ZRANGE', P .. 'due', 0, -1)) do
  local queue = job_of(number).queue
  if wanted[queue] then
    call('ZREM', P .. 'due', number)
    tally('scheduled', queue, -1)
    cancelled(number, queue, time)
    changed = changed + 1
  end
end
finish()
return changed
