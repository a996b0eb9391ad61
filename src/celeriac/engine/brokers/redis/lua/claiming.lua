-- Claiming a batch. Arguments: child, limit, queues ... Returns the numbers taken and their claims, their records one after the
-- other, and of each that has changed: charges and newer payload; or nothing at all (nil) for a child that is not alive.
local function take_waiting(queue, room, taken, waited)
  if room <= 0 or (exists('paused') and call('SISMEMBER', P .. 'paused', queue) == 1) then return end
  local popped = call('ZPOPMIN', P .. 'w:' .. queue, room)
  for index = 1, #popped, 2 do
    taken[#taken + 1] = popped[index]
    waited[#taken] = queue
  end
  tally('waiting', queue, -#popped / 2)
  tally('running', queue, #popped / 2)
end

local function claim_batch()
  local child, limit = take(), take_number()
  if call('HEXISTS', P .. 'children', child) == 0 then return false end
  local taken, waited = {}, {}
  for nth = place + 1, #ARGV do take_waiting(ARGV[nth], limit - #taken, taken, waited) end
  if #taken == 0 then return {} end

  local claims, listed, changes, usual = {}, {}, {}, {}
  local untouched = call('EXISTS', unpack(keyed('m:', taken))) == 0
  for nth, number in ipairs(taken) do
    local queue = waited[nth]
    if untouched then
      usual[queue] = usual[queue] or '1 0 ' .. child .. ' ' .. queue
      claims[nth] = usual[queue]
    else
      local changed = call('HMGET', P .. 'm:' .. number, 'd', 'a', 'g', 'pl')
      claims[nth] = (tonumber(changed[1]) or 0) + 1 .. ' ' .. (changed[2] or 0) .. ' ' .. child .. ' ' .. queue
      changes[nth] = { changed[3] or '0', changed[4] }
    end
    listed[2 * nth - 1] = number
    listed[2 * nth] = claims[nth]
  end
  in_parts('HSET', P .. 'claims', listed)
  in_parts('SADD', P .. 'h:' .. child, taken)
  write_tallies()
  return { cmsgpack.pack(taken), cmsgpack.pack(claims), table.concat(values_of('j:', taken)), changes }
end
