-- Accepting jobs, and the values that a script writes.
local values = {}
local function keep(key, value)
  values[#values + 1] = key
  values[#values + 1] = value
end
local function write_values()
  for first = 1, #values, 4000 do call('MSET', unpack(values, first, math.min(first + 3999, #values))) end
  values = {}
end

-- Jobs as the client packs them: lists of their ids, queues, priorities, states, times to run at and lengths of records, and
-- how often the few were tried that were elsewhere; or nothing at all; then the records. A known id is left as it is. Nothing
-- is written yet: a script that fails has pushed nothing.
local pushed = {}
local function push(packed, bytes, time)
  if packed == '' then return end
  local ids, queues, priorities, states, run_ats, lengths, tried = unpack(cmsgpack.unpack(packed))
  local records, keys, heads = cut(bytes, lengths), keyed('i:', ids), {}
  local known = values_at(keys)
  local last = call('INCRBY', P .. 'n', #ids) - #ids
  for nth, key in ipairs(keys) do
    if not (known[nth] or pushed[key]) then
      local number, queue, priority, state = whole(last + nth), queues[nth], priorities[nth], states[nth]
      local head = heads[priority] or kept_from(time, priority)
      heads[priority], pushed[key] = head, true
      keep(key, number)
      keep(P .. 'j:' .. number, head .. records[nth])
      tally(state, queue, 1)
      count_number(last + nth, 1)
      if tried[nth] then call('HSET', P .. 'm:' .. number, 'a', tried[nth]) end
      if state == 'scheduled' then
        schedule(number, run_ats[nth], time)
      else
        let_wait(queue, priority, number)
      end
    end
  end
end
