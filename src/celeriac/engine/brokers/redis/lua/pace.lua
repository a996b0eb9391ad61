-- ARGV: task, seconds between its turns or nothing for what the code says. What has a turn under the old rate waits for a new
-- one. Returns how many jobs.
local task, apart, changed = ARGV[1], ARGV[2], 0
call('HSET', P .. 'rates', task, exact(now()) .. ' ' .. (apart ~= '' and apart or '-'))
for _, number in ipairs(call('SMEMBERS', P .. 'turns:' .. task)) do
  local turn = call('HMGET', P .. 'm:' .. number, 'tn', 'a')
  if call('ZSCORE', P .. 'due', number) and tonumber(turn[1]) == (tonumber(turn[2]) or 0) then
    local job = job_of(number)
    call('HDEL', P .. 'm:' .. number, 'tn')
    call('ZREM', P .. 'due', number)
    wait_again(number, job.queue, job.priority, 'scheduled')
    changed = changed + 1
  end
end
call('DEL', P .. 'turns:' .. task)
finish()
wake_keepers()
return changed
