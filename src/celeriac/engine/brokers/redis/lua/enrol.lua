-- ARGV: worker, child. Returns 0 for a worker that is not alive.
if call('HEXISTS', P .. 'workers', ARGV[1]) == 0 then return 0 end
call('HSET', P .. 'children', ARGV[2], ARGV[1])
call('SADD', P .. 'kids:' .. ARGV[1], ARGV[2])
return 1
