-- Returns when each living worker joined and who it is.
local found = {}
for _, worker in ipairs(call('ZRANGEBYSCORE', P .. 'leases', exact(now()), '+inf')) do
  found[#found + 1] = call('HGET', P .. 'workers', worker)
end
return found
