-- Jobs that come to wait, or will, and those who are woken by it.
local function disarm(child)
  local queues = call('HGET', P .. 'armed', child)
  if not queues then return end
  for _, queue in ipairs(cmsgpack.unpack(queues)) do call('SREM', P .. 'idle:' .. queue, child) end
  call('HDEL', P .. 'armed', child)
end

-- A job is kept as an array in msgpack: when it was pushed, priority, record.
local function kept_from(time, priority) return '\147' .. cmsgpack.pack(time) .. cmsgpack.pack(priority) end

-- Higher priorities first, then by arrival: exact in a double, since 201 * 2^44 is less than 2^53.
local function urgency(priority, number) return whole((100 - priority) * 17592186044416 + number) end

-- Jobs that came to wait in this script: as many idle children of their queue are woken.
local arrivals = gathering()
local function let_wait(queue, priority, number)
  local list = arrivals[queue]
  list[#list + 1] = urgency(priority, number)
  list[#list + 1] = number
end
local function wake(queue, jobs)
  if call('EXISTS', P .. 'idle:' .. queue) == 0 or call('SISMEMBER', P .. 'paused', queue) == 1 then return end
  for _, child in ipairs(call('SPOP', P .. 'idle:' .. queue, jobs)) do
    disarm(child)
    call('PUBLISH', P .. 'wake:' .. child, '1')
  end
end
local function write_arrivals()
  for queue, list in pairs(arrivals) do in_parts('ZADD', P .. 'w:' .. queue, list) end
end
local function wake_for_arrivals()
  for queue, list in pairs(arrivals) do
    wake(queue, #list / 2)
    arrivals[queue] = nil
  end
end
local function wake_keepers() call('PUBLISH', P .. 'keepers', '1') end

local SOON = 1
local function schedule(number, run_at, time)
  call('ZADD', P .. 'due', exact(run_at), number)
  if run_at < time + SOON then wake_keepers() end
end
