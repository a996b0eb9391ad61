-- ARGV: queues ... Returns how many were paused.
local changed = 0
for _, queue in ipairs(ARGV) do
  if call('SREM', P .. 'paused', queue) == 1 then
    changed = changed + 1
    local jobs = call('ZCARD', P .. 'w:' .. queue)
    if jobs > 0 then wake(queue, jobs) end
  end
end
return changed
