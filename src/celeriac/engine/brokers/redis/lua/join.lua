-- ARGV: worker, who it is, seconds of lease
call('HSET', P .. 'workers', ARGV[1], ARGV[2])
call('ZADD', P .. 'leases', exact(now() + tonumber(ARGV[3])), ARGV[1])
