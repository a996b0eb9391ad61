-- ARGV: child, worker, limit, and the failures of a job that was lost, that is poisonous, that nobody wants; then how many
-- begun tokens, number and delivery of each; then how many verdicts, each an outcome. Either a child is buried, or a worker
-- that leaves, or, with neither, every worker whose lease ran out. Returns how many jobs were taken from the dead.
local time, total = now(), 0
local child, worker, limit = take_some(), take_some(), tonumber(take())
local lost, poisonous, unwanted = take(), take(), take()
local begun, verdicts = {}, {}
for nth = 1, take_number() do
  begun[take() .. ' ' .. take()] = true
end
for nth = 1, take_number() do
  verdicts[nth] = take_outcome()
end

local function ended(number, child, delivery, state, failure, counts)
  settle({
    number = number, child = child, delivery = tonumber(delivery), state = state, started = time, finished = time, worker = '',
    counts = counts, result = state == 'failed' and failure or nil, attempt = decided(state, time, failure),
  }, time)
end

local function take_from_dead(number, child, held)
  local first, attempts, queue = string.match(held, '^(%d+) (%d+) (.*)$')
  local key = P .. 'j:' .. number
  local job = call('HMGET', key, 'b', 'o', 'g')
  local has_begun = job[1] or begun[number .. ' ' .. first]
  local charges = tonumber(job[3]) or 0
  if has_begun and limit then
    charges = charges + 1
    call('HSET', key, 'g', charges)
  end
  local doomed = call('SISMEMBER', P .. 'doomed', number) == 1
  if has_begun and job[2] then
    ended(number, child, first, 'failed', lost, 1)
  elseif has_begun and limit and charges >= limit and not doomed then
    ended(number, child, first, 'parked', (string.gsub(poisonous, '@CHARGES@', charges)), 0)
  else
    give_back(number, child, queue, tonumber(attempts), time, unwanted)
  end
end

local function bury_child(child)
  call('HDEL', P .. 'children', child) -- first: a claim still in flight gets nothing
  disarm(child)
  total = total + call('HLEN', P .. 'h:' .. child)
  for _, verdict in ipairs(verdicts) do settle(verdict, time) end
  local held = call('HGETALL', P .. 'h:' .. child)
  for index = 1, #held, 2 do take_from_dead(held[index], child, held[index + 1]) end
end

local function bury_worker(worker)
  call('HDEL', P .. 'workers', worker)
  call('ZREM', P .. 'leases', worker)
  for _, child in ipairs(call('SMEMBERS', P .. 'kids:' .. worker)) do bury_child(child) end
  call('DEL', P .. 'kids:' .. worker)
end

if child then
  worker = call('HGET', P .. 'children', child)
  bury_child(child)
  if worker then call('SREM', P .. 'kids:' .. worker, child) end
elseif worker then
  bury_worker(worker)
else
  for _, lapsed in ipairs(call('ZRANGEBYSCORE', P .. 'leases', '-inf', '(' .. exact(time))) do bury_worker(lapsed) end
end
finish()
return total
