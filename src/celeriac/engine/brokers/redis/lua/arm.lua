-- Made of: common, arrivals
-- ARGV: child, queues ... Publishes that the child is idle.
local child = take()
disarm(child)
local queues = {}
for nth = 2, #ARGV do
  queues[#queues + 1] = ARGV[nth]
  call('SADD', P .. 'idle:' .. ARGV[nth], child)
end
call('HSET', P .. 'armed', child, cmsgpack.pack(queues))
