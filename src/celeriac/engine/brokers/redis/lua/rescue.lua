-- ARGV: child, worker, limit, and the failures of a job that was lost, that is poisonous, that nobody wants; then how many
-- begun tokens, number and delivery of each; then how many verdicts, each an outcome; then, of how many jobs what follows their
-- failure is prepared (none: '-1'), the number of each, and what follows. Either a child is buried, or a worker that leaves,
-- or, with neither, every worker whose lease ran out. Returns how many jobs were taken from the dead; or, with nothing changed,
-- the numbers of jobs of which what follows must be prepared first.
local time, total = now(), 0
local child, worker, limit = take_some(), take_some(), tonumber(take())
local lost, poisonous, unwanted = take(), take(), take()
local begun, verdicts = {}, {}
for nth = 1, take_number() do
  begun[take() .. ' ' .. take()] = true
end
for nth = 1, take_number() do
  local verdict = { number = take(), kind = read_kind(take()), rest = take() }
  verdict.more = verdict.kind.more and take_more()
  verdicts[nth] = verdict
end

-- What follows a job that fails here is built by the caller, from its record: before anything is changed.
local preparing, prepared = take_number(), {}
for nth = 1, preparing do
  local number = take()
  prepared[number] = { follow_ups = take(), records = take() }
end
local function push_follow_ups(number)
  local next = prepared[number]
  if next then push(next.follow_ups, next.records, time) end
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
    if verdict.kind.state == 'failed' and not prepared[verdict.number] then missing[#missing + 1] = verdict.number end
  end
  for _, dead in ipairs(children_to_bury()) do
    for _, number in ipairs(call('SMEMBERS', P .. 'h:' .. dead)) do
      if not prepared[number] and call('HEXISTS', P .. 'm:' .. number, 'o') == 1 then missing[#missing + 1] = number end
    end
  end
  return missing
end
if preparing >= 0 then
  local missing = unprepared()
  if #missing > 0 then return missing end
end

local function end_with(number, claim, kind, rest, more)
  settle(number, claim, kind, rest, more, time)
  if kind.state == 'failed' then push_follow_ups(number) end
end
local function ended(number, claim, state, failure, counts, begun_at)
  local started = tonumber(begun_at) or time
  local rest = cmsgpack.pack({ started, time, false, state == 'failed' and failure })
  local more = { attempt = decided(state, started, time, failure) }
  end_with(number, claim, { state = state, counts = counts }, rest, more)
end

local function take_from_dead(number, claim)
  local key = P .. 'm:' .. number
  local job = call('HMGET', key, 'b', 'o', 'g', 'x')
  local has_begun = job[1] or begun[number .. ' ' .. claim.delivery]
  local charges = tonumber(job[3]) or 0
  if has_begun and limit then
    charges = charges + 1
    call('HSET', key, 'g', charges)
  end
  if has_begun and job[2] then
    ended(number, claim, 'failed', lost, 1, job[1])
  elseif has_begun and limit and charges >= limit and not job[4] then
    local failure = string.gsub(poisonous, '@CHARGES@', charges)
    ended(number, claim, 'parked', failure, 0, job[1])
  else
    give_back(number, claim, time, unwanted)
  end
end

local function end_by_verdict(verdict)
  local claim = holding(verdict.number, verdict.kind.child, verdict.kind.delivery)
  if claim then end_with(verdict.number, claim, verdict.kind, verdict.rest, verdict.more) end
end

local function bury_child(child)
  call('HDEL', P .. 'children', child) -- first: a claim still in flight gets nothing
  disarm(child)
  local numbers = call('SMEMBERS', P .. 'h:' .. child)
  total = total + #numbers
  for _, verdict in ipairs(verdicts) do end_by_verdict(verdict) end
  for nth, text in ipairs(claims_of(numbers)) do
    if not dropped[numbers[nth]] then take_from_dead(numbers[nth], read_claim(text)) end
  end
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
