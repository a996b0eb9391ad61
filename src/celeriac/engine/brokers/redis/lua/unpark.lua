-- ARGV: numbers ... Parked jobs wait again, with a clean record. Returns how many.
local changed = 0
for _, number in ipairs(ARGV) do
  if call('SREM', P .. 'parked', number) == 1 then
    local job = job_of(number)
    call('DEL', P .. 'o:' .. number)
    call('HSET', P .. 'm:' .. number, 'g', 0)
    wait_again(number, job.queue, job.priority, 'parked')
    changed = changed + 1
  end
end
finish()
return changed
