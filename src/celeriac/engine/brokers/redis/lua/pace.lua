-- ARGV: task, seconds between its turns or nothing for what the code says. What has a turn under the old rate waits for a new
-- one. Returns how many jobs.
local task, apart, changed = ARGV[1], ARGV[2], 0
call('HSET', P .. 'rates', task, exact(now()) .. ' ' .. (apart ~= '' and apart or '-'))
for _, number in ipairs(call('SMEMBERS', P .. 'turns:' .. task)) do
  local job = call('HMGET', P .. 'j:' .. number, 's', 'tn', 'a', 'q', 'p')
  if job[1] == 'scheduled' and tonumber(job[2]) == (tonumber(job[3]) or 0) then
    call('HDEL', P .. 'j:' .. number, 'tn')
    call('ZREM', P .. 'due', number)
    wait_again(number, job[4], tonumber(job[5]), 'scheduled')
    changed = changed + 1
  end
end
call('DEL', P .. 'turns:' .. task)
finish()
wake_keepers()
return changed
