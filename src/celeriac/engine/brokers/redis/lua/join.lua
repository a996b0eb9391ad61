-- ARGV: worker, who it is, seconds of lease
local time = now()
call('HSET', P .. 'workers', ARGV[1], exact(time) .. ' ' .. ARGV[2])
call('ZADD', P .. 'leases', exact(time + tonumber(ARGV[3])), ARGV[1])
-- A small hash is a list that is searched from its start; a long value makes it a table, which claims need to be.
call('HSET', P .. 'claims', '', string.rep('-', 100))
