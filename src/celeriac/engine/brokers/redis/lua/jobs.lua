-- What scripts know of jobs, and the steps of a job's life that several of them take. Gathered: claims that end, what each
-- child no longer holds, and what has ended, by state.
local unclaimed, let_go, endings = {}, gathering(), gathering()
local ended_at -- where it is not now

-- The last step of every script that moves jobs.
local function finish()
  write_values()
  in_parts('HDEL', P .. 'claims', unclaimed)
  for child, numbers in pairs(let_go) do in_parts('SREM', P .. 'h:' .. child, numbers) end
  for state, numbers in pairs(endings) do
    for first = 1, #numbers, 100 do
      local some = table.concat(numbers, ' ', first, math.min(first + 99, #numbers))
      call('RPUSH', P .. 'ended:' .. state, (ended_at or exact(now())) .. ' ' .. some)
    end
  end
  write_arrivals()
  write_tallies()
  wake_for_arrivals()
end

-- A record is a map in msgpack, whose first three fields are id, task and queue.
local function read_record(kept)
  local job, at, name = {}, 1, nil
  at = cmsgpack.unpack_one(kept, at)
  at, job.priority = cmsgpack.unpack_one(kept, at)
  at = at + (string.byte(kept, at + 1) == 0xde and 3 or 1)
  for _ = 1, 3 do
    at, name = cmsgpack.unpack_one(kept, at)
    at, job[name] = cmsgpack.unpack_one(kept, at)
  end
  return job
end
local function job_of(number)
  local job = read_record(call('GET', P .. 'j:' .. number))
  job.queue = call('HGET', P .. 'm:' .. number, 'q') or job.queue
  return job
end

-- What a job ended in: state, attempts, delivery and, where it is not the end of its last attempt, when; then the rest, which
-- no script reads: started, finished, worker and result in msgpack.
local function read_end(text)
  local state, attempts, delivery, after = string.match(text, '^(%a+) (%d+) (%d+)[^\n]*\n()')
  return { state = state, attempts = attempts, delivery = delivery, rest = string.sub(text, after) }
end

-- The state of a job, and how it ended, if it has; nothing for one that is unknown.
local function state_of(number)
  local ended = call('GET', P .. 'o:' .. number)
  if ended then
    ended = read_end(ended)
    return ended.state, ended
  end
  if call('HEXISTS', P .. 'claims', number) == 1 then return 'running' end
  if call('ZSCORE', P .. 'due', number) then return 'scheduled' end
  if call('EXISTS', P .. 'j:' .. number) == 1 then return 'waiting' end
end

local function drop(number, claim)
  dropped[number] = true
  unclaimed[#unclaimed + 1] = number
  local list = let_go[claim.child]
  list[#list + 1] = number
  if exists('doomed') then call('SREM', P .. 'doomed', number) end
  tally('running', claim.queue, -1)
end

-- An attempt is remembered as its number, a newline, and state, started, finished, worker, failure and log in msgpack.
-- What is missing is false: a Lua table with holes would be packed as a map.
local function remember(number, index, attempt) call('RPUSH', P .. 'at:' .. number, index .. '\n' .. attempt) end
local function decided(state, started, time, failure) return cmsgpack.pack({ state, started, time, false, failure, false }) end

-- End a job that is listed nowhere any more.
local function end_job(number, state, queue, head, rest)
  keep(P .. 'o:' .. number, head .. rest)
  if state == 'parked' then
    call('SADD', P .. 'parked', number)
  else
    local list = endings[state]
    list[#list + 1] = number
  end
  tally(state, queue, 1)
  if exists('waiters') and call('SREM', P .. 'waiters', number) == 1 then call('PUBLISH', P .. 'done:' .. number, '1') end
end

local function cancelled(number, queue, time, rest)
  local changed = call('HMGET', P .. 'm:' .. number, 'a', 'd')
  local head = 'cancelled ' .. (changed[1] or 0) .. ' ' .. (changed[2] or 0) .. ' ' .. exact(time) .. '\n'
  end_job(number, 'cancelled', queue, head, rest or cmsgpack.pack({ false, false, false, false }))
end

local function wait_again(number, queue, priority, from)
  tally(from, queue, -1)
  tally('waiting', queue, 1)
  let_wait(queue, priority, number)
end

-- A claim ends and its job lives on. Returns whether somebody cancelled it meanwhile.
local function let_live(number, claim, attempts)
  local key = P .. 'm:' .. number
  local revoked = call('HEXISTS', key, 'x') == 1
  drop(number, claim)
  call('HDEL', key, 'b', 'o', 'x')
  call('HSET', key, 'd', claim.delivery, 'a', attempts)
  return revoked
end

-- What an outcome is of: '<delivery> <state> <counts> <more> <child>'. Where there is more: attempt, progress, run_at, payload
-- and queue.
local function read_kind(text)
  local delivery, state, counts, more, child = string.match(text, '^(%d+) (%a+) (%d) (%d) (.*)$')
  return { delivery = tonumber(delivery), state = state, counts = tonumber(counts), more = more == '1', child = child }
end
local function take_more()
  return {
    attempt = take_some(), progress = take_some(), run_at = tonumber(take()), payload = take_some(), queue = take_some(),
  }
end

local function send_back(number, claim, attempts, state, more, time)
  local key, run_at, to = P .. 'm:' .. number, more.run_at, more.queue or claim.queue
  local revoked = let_live(number, claim, attempts)
  -- No charges any more: an attempt came to its end, so it is not this job that kills processes.
  call('HSET', key, 'q', to, 'g', 0)
  if run_at then call('HSET', key, 't', exact(run_at)) end
  if more.payload then call('HSET', key, 'pl', more.payload) end
  if revoked then return cancelled(number, to, time) end
  tally(state, to, 1)
  if state == 'scheduled' then
    schedule(number, run_at, time)
  else
    let_wait(to, job_of(number).priority, number)
  end
end

local NO_MORE = {}
local function settle(number, claim, kind, rest, more, time)
  more = more or NO_MORE
  if more.attempt then remember(number, claim.attempts + kind.counts, more.attempt) end
  if more.progress then call('HSET', P .. 'm:' .. number, 'm', more.progress) end
  local state = kind.state
  if state == 'waiting' or state == 'scheduled' then
    return send_back(number, claim, claim.attempts + kind.counts, state, more, time)
  end
  drop(number, claim)
  if state == 'parked' then call('HSET', P .. 'm:' .. number, 'a', claim.attempts + kind.counts, 'd', claim.delivery) end
  local head = kind[claim] -- the same for most jobs of a batch
  if not head then
    head = state .. ' ' .. claim.attempts + kind.counts .. ' ' .. claim.delivery .. '\n'
    kind[claim] = head
  end
  end_job(number, state, claim.queue, head, rest)
end

-- Give a held job back to wait; one that somebody cancelled meanwhile ends so, and ``unwanted`` says why.
local function give_back(number, claim, time, unwanted)
  if let_live(number, claim, claim.attempts) then
    remember(number, claim.attempts, decided('cancelled', time, time, unwanted))
    cancelled(number, claim.queue, time, cmsgpack.pack({ time, time, false, false }))
  else
    tally('waiting', claim.queue, 1)
    let_wait(claim.queue, job_of(number).priority, number)
  end
end

-- Delete the records of those that have ended. Returns how many.
local function forget(numbers)
  local gone, keys = 0, {}
  local records, ends = values_of('j:', numbers), values_of('o:', numbers)
  for nth, number in ipairs(numbers) do
    local ended = ends[nth] and not dropped[number] and read_end(ends[nth])
    if ended and ended.state ~= 'parked' then
      local job = read_record(records[nth])
      local queue = call('HGET', P .. 'm:' .. number, 'q') or job.queue
      gather(keys, keyed('', { 'j:' .. number, 'o:' .. number, 'm:' .. number, 'at:' .. number, 'i:' .. job.id }))
      if exists('turns:' .. job.task) then call('SREM', P .. 'turns:' .. job.task, number) end
      tally(ended.state, queue, -1)
      count_number(number, -1)
      dropped[number] = true
      gone = gone + 1
    end
  end
  for first = 1, #keys, 4000 do call('DEL', unpack(keys, first, math.min(first + 3999, #keys))) end
  return gone
end

-- Records as they are read: number, record, end, claim, time it is scheduled for, changes, worker that runs it.
local function rows_of(numbers)
  local rows = {}
  if #numbers == 0 then return rows end
  local records, ends, claims = values_of('j:', numbers), values_of('o:', numbers), claims_of(numbers)
  for nth, number in ipairs(numbers) do
    if records[nth] then
      local due = not (ends[nth] or claims[nth]) and call('ZSCORE', P .. 'due', number)
      local worker = claims[nth] and call('HGET', P .. 'children', read_claim(claims[nth]).child)
      local changes = call('HGETALL', P .. 'm:' .. number)
      rows[#rows + 1] = { number, records[nth], ends[nth], claims[nth], due, changes, worker }
    end
  end
  return rows
end
