-- ARGV: child, limit, queues ... Returns rows of number, delivery, attempts, charges, queue, record, newer payload; or
-- nothing at all (nil) for a child that is not alive.
local child, limit = ARGV[1], tonumber(ARGV[2])
if call('HEXISTS', P .. 'children', child) == 0 then return false end
local taken, held = {}, {}
local has_paused = call('EXISTS', P .. 'paused') == 1
for nth = 3, #ARGV do
  local queue = ARGV[nth]
  local room = limit - #taken
  if room > 0 and not (has_paused and call('SISMEMBER', P .. 'paused', queue) == 1) then
    local popped = call('ZPOPMIN', P .. 'w:' .. queue, room)
    for index = 1, #popped, 2 do
      local number = popped[index]
      local key = P .. 'j:' .. number
      local job = call('HMGET', key, 'd', 'a', 'g', 'r', 'pl')
      local delivery, attempts = (tonumber(job[1]) or 0) + 1, tonumber(job[2]) or 0
      call('HSET', key, 's', 'running', 'd', delivery, 'c', child)
      held[#held + 1] = number
      held[#held + 1] = delivery .. ' ' .. attempts .. ' ' .. queue
      tally('waiting', queue, -1)
      tally('running', queue, 1)
      taken[#taken + 1] = { number, delivery, attempts, job[3] or '0', queue, job[4], job[5] }
    end
  end
end
in_parts('HSET', P .. 'h:' .. child, held)
write_tallies()
return taken
