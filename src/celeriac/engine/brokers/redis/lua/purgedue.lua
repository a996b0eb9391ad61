-- ARGV: place, limit, queues ... Of so many scheduled jobs, from a place in their order on, cancels those of the queues.
-- Returns how many, and the place of the next.
local from, limit, time, wanted, changed = take_number(), take_number(), now(), {}, 0
for nth = place + 1, #ARGV do wanted[ARGV[nth]] = true end
local numbers = call('ZRANGE', P .. 'due', from, from + limit - 1)
for _, number in ipairs(numbers) do
  local queue = job_of(number).queue
  if wanted[queue] then
    call('ZREM', P .. 'due', number)
    tally('scheduled', queue, -1)
    cancelled(number, queue, time)
    changed = changed + 1
  end
end
finish()
return { changed, from + #numbers - changed }
