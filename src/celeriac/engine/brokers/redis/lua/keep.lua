-- ARGV: how many records of ended jobs; of each: id, queue, priority, when it was pushed, record, charges; state, attempts,
-- delivery, when it ended, the rest of its end; how many attempts, and these. Each takes the place of what is known of its id.
-- Returns the ids of those that are live here, and stay so.
local live, kept = {}, gathering()
local function read_one()
  local job = { id = take(), queue = take(), priority = take(), created = take(), record = take(), charges = take_number() }
  job.state, job.attempts, job.delivery, job.finished, job.rest = take(), take(), take(), take(), take()
  job.tried = {}
  for nth = 1, take_number() do job.tried[nth] = take() end
  return job
end
local function keep_one(job)
  local known = call('GET', P .. 'i:' .. job.id)
  if known and forget({ known }) == 0 then
    live[#live + 1] = job.id
    return
  end
  local number = whole(call('INCR', P .. 'n'))
  keep(P .. 'i:' .. job.id, number)
  keep(P .. 'j:' .. number, kept_from(tonumber(job.created), tonumber(job.priority)) .. job.record)
  keep(P .. 'o:' .. number, job.state .. ' ' .. job.attempts .. ' ' .. job.delivery .. '\n' .. job.rest)
  if job.charges > 0 then call('HSET', P .. 'm:' .. number, 'g', job.charges) end
  if #job.tried > 0 then in_parts('RPUSH', P .. 'at:' .. number, job.tried) end
  local list = kept[job.state]
  list[#list + 1] = job.finished .. ' ' .. number
  count_number(number, 1)
  tally(job.state, job.queue, 1)
end
for _ = 1, take_number() do keep_one(read_one()) end
for state, list in pairs(kept) do in_parts('RPUSH', P .. 'ended:' .. state, list) end
finish()
return live
