-- ARGV: numbers ... Scheduled jobs wait from now on. Returns how many.
local changed = 0
for _, number in ipairs(ARGV) do
  if call('ZREM', P .. 'due', number) == 1 then
    local job = job_of(number)
    wait_again(number, job.queue, job.priority, 'scheduled')
    changed = changed + 1
  end
end
finish()
return changed
