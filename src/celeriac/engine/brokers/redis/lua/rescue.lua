-- ARGV: child, worker, limit, and the failures of a job that was lost, that is poisonous, that nobody wants; then how many
-- begun tokens, number and delivery of each; then how many verdicts, each an outcome; then, of how many jobs what follows their
-- failure is prepared (none: '-1'), the number of each, and what follows. Either a child is buried, or a worker that leaves, or,
-- with neither, every worker whose lease ran out. Returns how many jobs were taken from the dead; or, with nothing changed, the
-- numbers of jobs of which what follows must be prepared first.
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

-- What follows a job that fails here is built by the caller, from its record: before anything is changed.
local preparing, prepared = take_number(), {}
for nth = 1, preparing do
  local number, first = take(), place
  prepared[number] = first
  place = place + 1 + tonumber(ARGV[place + 1]) * 7
end
local function push_follow_ups(number)
  if not prepared[number] then return end
  place = prepared[number]
  push(time)
end

local function children_to_bury()
  if child then return { child } end
  local workers, children = { worker }, {}
  if not worker then workers = call('ZRANGEBYSCORE', P .. 'leases', '-inf', '(' .. exact(time)) end
  for _, dead in ipairs(workers) do
    for _, each in ipairs(call('SMEMBERS', P .. 'kids:' .. dead)) do children[#children + 1] = each end
  end
  return children
end

local function unprepared()
  local missing = {}
  for _, verdict in ipairs(verdicts) do
    if verdict.state == 'failed' and not prepared[verdict.number] then missing[#missing + 1] = verdict.number end
  end
  for _, dead in ipairs(children_to_bury()) do
    for _, number in ipairs(call('HKEYS', P .. 'h:' .. dead)) do
      if not prepared[number] and call('HEXISTS', P .. 'j:' .. number, 'o') == 1 then missing[#missing + 1] = number end
    end
  end
  return missing
end
if preparing >= 0 then
  local missing = unprepared()
  if #missing > 0 then return missing end
end

local function end_with(outcome)
  if settle(outcome, time) and outcome.state == 'failed' then push_follow_ups(outcome.number) end
end
local function ended(number, child, delivery, state, failure, counts)
  end_with({
    number = number, child = child, delivery = tonumber(delivery), state = state, started = time, finished = time, worker = '',
    counts = counts, result = state == 'failed' and failure or nil, attempt = decided(state, time, failure),
  })
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
  local revoked = call('HEXISTS', key, 'x') == 1
  if has_begun and job[2] then
    ended(number, child, first, 'failed', lost, 1)
  elseif has_begun and limit and charges >= limit and not revoked then
    ended(number, child, first, 'parked', (string.gsub(poisonous, '@CHARGES@', charges)), 0)
  else
    give_back(number, child, queue, tonumber(attempts), time, unwanted)
  end
end

local function bury_child(child)
  call('HDEL', P .. 'children', child) -- first: a claim still in flight gets nothing
  disarm(child)
  total = total + call('HLEN', P .. 'h:' .. child)
  for _, verdict in ipairs(verdicts) do end_with(verdict) end
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
