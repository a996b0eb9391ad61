-- ARGV: worker, seconds of lease. Returns 0 for a worker that is not alive.
if call('HEXISTS', P .. 'workers', ARGV[1]) == 0 then return 0 end
call('ZADD', P .. 'leases', exact(now() + tonumber(ARGV[2])), ARGV[1])
return 1
