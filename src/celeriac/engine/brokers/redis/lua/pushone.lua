-- Made of: common, arrivals
-- ARGV: id, queue, priority and record of a job that waits and was never tried. What push does, for one: a half of its time.
local id, queue, priority, record = unpack(ARGV)
local kept = kept_from(now(), tonumber(priority)) .. record
local number = call('INCR', P .. 'n')
local text = whole(number)
if call('SETNX', P .. 'i:' .. id, text) == 0 then return end
call('MSET', P .. 'j:' .. text, kept)
call('ZADD', P .. 'w:' .. queue, urgency(priority, number), text)
call('HINCRBY', P .. 'counts', 'waiting:' .. queue, 1)
call('HINCRBY', P .. 'pages', math.floor(number / 1000), 1)
wake(queue, 1)
