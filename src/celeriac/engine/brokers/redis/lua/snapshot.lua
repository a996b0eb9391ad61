-- Returns the time, the last number, how many jobs there are by state and queue, which queues are paused, and of each queue in
-- which jobs wait the row of the one that arrived first.
local BAND = 17592186044416 -- of one priority, as in urgency()

local function earliest(queue)
  local key, low, found = P .. 'w:' .. queue, 0, nil
  repeat -- from one priority that is there to the next
    local first = call('ZRANGEBYSCORE', key, whole(low), '+inf', 'LIMIT', 0, 1, 'WITHSCORES')
    if #first > 0 then
      if not found or tonumber(first[1]) < tonumber(found) then found = first[1] end
      low = (math.floor(tonumber(first[2]) / BAND) + 1) * BAND
    end
  until #first == 0
  return found
end

local counts, firsts = call('HGETALL', P .. 'counts'), {}
for nth = 1, #counts, 2 do
  local queue = tonumber(counts[nth + 1]) > 0 and string.match(counts[nth], '^waiting:(.*)$')
  if queue then firsts[#firsts + 1] = earliest(queue) end
end
return { exact(now()), call('GET', P .. 'n') or '0', counts, call('SMEMBERS', P .. 'paused'), rows_of(firsts) }
