-- ARGV: task, seconds between its turns, how many waiting jobs to look at; then number, child, delivery of claimed jobs of it.
-- Returns the places, from 0, of those that may begin. The others are scheduled for their turns, and what waits behind them.
local time, task, declared, ahead = now(), take(), take_number(), take_number()
local may, rest = {}, {}
for nth = 0, (#ARGV - 3) / 3 - 1 do
  local number, child, delivery = take(), take(), take_number()
  local claim = holding(number, child, delivery)
  if claim and tonumber(call('HGET', P .. 'm:' .. number, 'tn')) == claim.attempts then
    may[#may + 1] = nth
  elseif claim and call('SISMEMBER', P .. 'doomed', number) == 0 then
    rest[#rest + 1] = { nth = nth, number = number, claim = claim }
  end
end
if #rest == 0 then return may end

local free, apart = time, declared
local rate = call('HGET', P .. 'rates', task)
if rate then
  local next_turn, said = string.match(rate, '^(%S+) (%S+)$')
  free, apart = tonumber(next_turn), tonumber(said) or declared
end
if apart <= 0 then
  for _, job in ipairs(rest) do may[#may + 1] = job.nth end
  return may
end

local turn = math.max(free, time)
local function put_off(number, attempts)
  call('HSET', P .. 'm:' .. number, 't', exact(turn), 'tn', attempts)
  call('SADD', P .. 'turns:' .. task, number)
  schedule(number, turn, time)
  turn = turn + apart
end

local queues, late = {}, false
for _, job in ipairs(rest) do
  if turn <= time then
    may[#may + 1] = job.nth
    turn = turn + apart
  else
    late = true
    queues[job.claim.queue] = true
    let_live(job.number, job.claim, job.claim.attempts)
    tally('scheduled', job.claim.queue, 1)
    put_off(job.number, job.claim.attempts)
  end
end
for queue in pairs(queues) do
  for _, number in ipairs(call('ZRANGE', P .. 'w:' .. queue, 0, ahead - 1)) do
    local turn = call('HMGET', P .. 'm:' .. number, 'a', 'tn')
    local attempts = tonumber(turn[1]) or 0
    if job_of(number).task == task and tonumber(turn[2]) ~= attempts then
      call('ZREM', P .. 'w:' .. queue, number)
      tally('waiting', queue, -1)
      tally('scheduled', queue, 1)
      put_off(number, attempts)
    end
  end
end
call('HSET', P .. 'rates', task, exact(turn) .. ' ' .. (rate and string.match(rate, ' (%S+)$') or '-'))
finish()
return may
