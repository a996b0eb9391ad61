-- What every script begins with. All keys of a namespace share one hash tag, so a script may name keys as it goes.
--
--   n                 the last job number                 i:<id>        a job's number
--   j:<number>        a job: r record, s state, q queue,  at:<number>   its kept attempts
--                     p priority, and what changes        all           every job, by number
--   w:<queue>         waiting, by urgency and number      due           scheduled, by time
--   h:<child>         what a child holds: delivery, attempts and queue of each number
--   children          the worker of each living child     kids:<worker> its children
--   workers, leases   who they are, until when            paused        queues
--   idle:<queue>      children asleep, to be woken        armed         the queues each of them sleeps on
--   ended:<state>     ended jobs, by time                 parked, doomed, waiters   numbers
--   counts            jobs by state and queue             leaders       duties
--   rates             a task's next free turn and spacing turns:<task>  jobs that have a turn

local P = KEYS[1]
local call = redis.call

local function now()
  local time = call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1000000
end

-- Arguments are read one after the other. An empty one is one that is missing.
local place = 0
local function take()
  place = place + 1
  return ARGV[place]
end
local function take_some()
  local value = take()
  return value ~= '' and value or nil
end
local function take_number() return tonumber(take()) end

-- Lua writes a number with 14 digits; times and scores need more.
local function exact(number) return string.format('%.6f', number) end
local function whole(number) return string.format('%.0f', number) end

-- Higher priorities first, then by arrival: exact in a double, since 201 * 2^44 is less than 2^53.
local function urgency(priority, number) return whole((100 - priority) * 17592186044416 + number) end

-- Commands with many arguments are sent in parts: Lua's stack ends at 8,000.
local function in_parts(command, key, arguments)
  for first = 1, #arguments, 4000 do
    call(command, key, unpack(arguments, first, math.min(first + 3999, #arguments)))
  end
end

local tallies = {}
local function tally(state, queue, change)
  local field = state .. ':' .. queue
  tallies[field] = (tallies[field] or 0) + change
end
local function write_tallies()
  for field, change in pairs(tallies) do
    if change ~= 0 then call('HINCRBY', P .. 'counts', field, change) end
  end
end

local function disarm(child)
  local queues = call('HGET', P .. 'armed', child)
  if not queues then return end
  for _, queue in ipairs(cmsgpack.unpack(queues)) do call('SREM', P .. 'idle:' .. queue, child) end
  call('HDEL', P .. 'armed', child)
end

-- Jobs that came to wait in this script, and how many of each queue: as many idle children are woken.
local arrivals, arrived = {}, {}
local function let_wait(queue, priority, number)
  local list = arrivals[queue]
  if not list then list = {}; arrivals[queue] = list end
  list[#list + 1] = urgency(priority, number)
  list[#list + 1] = whole(number)
  arrived[queue] = (arrived[queue] or 0) + 1
end
local function wake(queue, jobs)
  if call('SISMEMBER', P .. 'paused', queue) == 1 then return end
  for _, child in ipairs(call('SPOP', P .. 'idle:' .. queue, jobs)) do
    disarm(child)
    call('PUBLISH', P .. 'wake:' .. child, '1')
  end
end
local function wake_keepers() call('PUBLISH', P .. 'keepers', '1') end

-- The last step of every script that moves jobs.
local function finish()
  for queue, list in pairs(arrivals) do in_parts('ZADD', P .. 'w:' .. queue, list) end
  write_tallies()
  for queue, jobs in pairs(arrived) do wake(queue, jobs) end
end

local SOON = 1
local function schedule(number, run_at, time)
  call('ZADD', P .. 'due', exact(run_at), number)
  if run_at < time + SOON then wake_keepers() end
end

-- Accept the jobs that come next among the arguments: how many, then id, task, queue, priority, state, run_at and record of
-- each. A known id is left as it is.
local function push(time)
  local jobs = take_number()
  if jobs == 0 then return end
  local last = call('INCRBY', P .. 'n', jobs) - jobs
  local all = {}
  for nth = 1, jobs do
    local id, task, queue, priority, state = take(), take(), take(), take_number(), take()
    local run_at, record = take_number(), take()
    local number = whole(last + nth)
    if call('SETNX', P .. 'i:' .. id, number) == 1 then
      call('HSET', P .. 'j:' .. number, 'id', id, 'k', task, 'r', record, 's', state, 'q', queue, 'p', priority,
        'ct', exact(time))
      all[#all + 1] = number
      all[#all + 1] = number
      tally(state, queue, 1)
      if state == 'scheduled' then
        call('HSET', P .. 'j:' .. number, 't', exact(run_at))
        schedule(number, run_at, time)
      else
        let_wait(queue, priority, last + nth)
      end
    end
  end
  in_parts('ZADD', P .. 'all', all)
end

-- Return delivery, attempts and queue of a claim, or nil where the token is worth nothing (any more).
local function holding(number, child, delivery)
  local held = call('HGET', P .. 'h:' .. child, number)
  if not held then return nil end
  local first, attempts, queue = string.match(held, '^(%d+) (%d+) (.*)$')
  if tonumber(first) ~= delivery then return nil end
  return tonumber(attempts), queue
end

-- An attempt is remembered as its number, a newline, and state, started, finished, worker, failure and log in msgpack.
-- What is missing is false: a Lua table with holes would be packed as a map.
local function remember(number, index, attempt) call('RPUSH', P .. 'at:' .. number, index .. '\n' .. attempt) end
local function decided(state, time, failure) return cmsgpack.pack({ state, time, time, false, failure, false }) end

local function tell_waiters(number)
  if call('SREM', P .. 'waiters', number) == 1 then call('PUBLISH', P .. 'done:' .. number, '1') end
end

local function forget_claim(number)
  call('HDEL', P .. 'j:' .. number, 'b', 'o', 'x', 'st', 'w', 'fi')
  call('SREM', P .. 'doomed', number)
end

local function end_job(number, state, queue, finished)
  if state == 'parked' then
    call('SADD', P .. 'parked', number)
  else
    call('ZADD', P .. 'ended:' .. state, exact(finished), number)
  end
  call('SREM', P .. 'doomed', number)
  tally(state, queue, 1)
  tell_waiters(number)
end

local function cancelled(number, queue, from, time)
  call('HSET', P .. 'j:' .. number, 's', 'cancelled', 'fi', exact(time))
  tally(from, queue, -1)
  end_job(number, 'cancelled', queue, time)
end

local function wait_again(number, queue, priority, from)
  call('HSET', P .. 'j:' .. number, 's', 'waiting')
  tally(from, queue, -1)
  tally('waiting', queue, 1)
  let_wait(queue, priority, tonumber(number))
end

local function take_outcome()
  return {
    number = take(), child = take(), delivery = take_number(), state = take(), started = take_number(),
    finished = take_number(), worker = take(), counts = take_number(), result = take_some(), progress = take_some(),
    attempt = take_some(), run_at = tonumber(take()), payload = take_some(), queue = take_some(),
  }
end

local function send_back(outcome, key, queue, time)
  local number, run_at, to = outcome.number, outcome.run_at, outcome.queue or queue
  local later = outcome.state == 'scheduled' and run_at and run_at > outcome.finished
  local state = later and 'scheduled' or 'waiting'
  -- No charges any more: an attempt came to its end, so it is not this job that kills processes.
  call('HSET', key, 's', state, 'q', to, 'g', 0)
  if run_at then call('HSET', key, 't', exact(run_at)) end
  if outcome.payload then call('HSET', key, 'pl', outcome.payload) end
  local revoked = call('HEXISTS', key, 'x') == 1
  forget_claim(number)
  tally(state, to, 1)
  if revoked then
    cancelled(number, to, state, time)
  elseif later then
    schedule(number, run_at, time)
  else
    let_wait(to, tonumber(call('HGET', key, 'p')), tonumber(number))
  end
end

-- Settle one outcome. Returns whether its token was worth something.
local function settle(outcome, time)
  local number, child, state = outcome.number, outcome.child, outcome.state
  local attempts, queue = holding(number, child, outcome.delivery)
  if not attempts then return false end
  local key = P .. 'j:' .. number
  attempts = attempts + outcome.counts
  call('HDEL', P .. 'h:' .. child, number)
  tally('running', queue, -1)
  local fields = { 's', state, 'st', exact(outcome.started), 'fi', exact(outcome.finished), 'w', outcome.worker, 'a', attempts }
  if outcome.result then
    fields[#fields + 1] = 'v'
    fields[#fields + 1] = outcome.result
  end
  if outcome.progress then
    fields[#fields + 1] = 'm'
    fields[#fields + 1] = outcome.progress
  end
  call('HSET', key, unpack(fields))
  if outcome.attempt then remember(number, attempts, outcome.attempt) end
  if state == 'waiting' or state == 'scheduled' then
    send_back(outcome, key, queue, time)
  else
    end_job(number, state, queue, outcome.finished)
  end
  return true
end

-- Give a held job back to wait; one that somebody cancelled meanwhile ends so, and ``unwanted`` says why.
local function give_back(number, child, queue, attempts, time, unwanted)
  local key = P .. 'j:' .. number
  call('HDEL', P .. 'h:' .. child, number)
  local revoked = call('HEXISTS', key, 'x') == 1
  forget_claim(number)
  if revoked then
    remember(number, attempts, decided('cancelled', time, unwanted))
    call('HSET', key, 'st', exact(time))
    cancelled(number, queue, 'running', time)
  else
    wait_again(number, queue, tonumber(call('HGET', key, 'p')), 'running')
  end
end
