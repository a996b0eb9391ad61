-- ARGV: limit, queues ... Cancels up to so many jobs that wait in them, the most urgent first. Returns how many.
local limit, time, changed = take_number(), now(), 0
for nth = place + 1, #ARGV do
  local queue = ARGV[nth]
  local popped = changed < limit and call('ZPOPMIN', P .. 'w:' .. queue, limit - changed) or {}
  for index = 1, #popped, 2 do
    tally('waiting', queue, -1)
    cancelled(popped[index], queue, time)
    changed = changed + 1
  end
end
finish()
return changed
