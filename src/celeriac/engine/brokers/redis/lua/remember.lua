-- ARGV: id, queue, priority, record; how many attempts, progress, attempt; when it ended, state and the rest of its
-- end. Keeps the record of a job that ran without being enqueued.
local id, queue, priority, record = take(), take(), take(), take()
local attempts, progress, attempt = take(), take_some(), take_some()
ended_at = take()
local state, rest = take(), take()
local number = whole(call('INCR', P .. 'n'))
if call('SETNX', P .. 'i:' .. id, number) == 0 then return end
keep(P .. 'j:' .. number, kept_from(tonumber(ended_at), tonumber(priority)) .. record)
if state == 'parked' then call('HSET', P .. 'm:' .. number, 'a', attempts) end
if progress then call('HSET', P .. 'm:' .. number, 'm', progress) end
if attempt then remember(number, attempts, attempt) end
count_number(number, 1)
end_job(number, state, queue, state .. ' ' .. attempts .. ' 0\n', rest)
finish()
