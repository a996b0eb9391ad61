-- ARGV: limit. Returns the seconds until the next job is due, as text; nothing when none is scheduled.
local time = now()
for _, number in ipairs(call('ZRANGEBYSCORE', P .. 'due', '-inf', exact(time), 'LIMIT', 0, ARGV[1])) do
  local job = job_of(number)
  call('ZREM', P .. 'due', number)
  wait_again(number, job.queue, job.priority, 'scheduled')
end
finish()
local due = call('ZRANGE', P .. 'due', 0, 0, 'WITHSCORES')
if #due == 0 then return false end
return exact(math.max(0, tonumber(due[2]) - time))
