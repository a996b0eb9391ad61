-- ARGV: numbers ... Parked jobs wait again, with a clean record. Returns how many.
local changed = 0
for _, number in ipairs(ARGV) do
  if call('SREM', P .. 'parked', number) == 1 then
    local job = call('HMGET', P .. 'j:' .. number, 'q', 'p')
    call('HDEL', P .. 'j:' .. number, 'fi', 'v')
    call('HSET', P .. 'j:' .. number, 'g', 0)
    wait_again(number, job[1], tonumber(job[2]), 'parked')
    changed = changed + 1
  end
end
finish()
return changed
