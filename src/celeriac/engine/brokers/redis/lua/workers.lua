-- Returns when each living worker joined and who it is, and until when its lease is; one after the other.
local found = {}
local living = call('ZRANGEBYSCORE', P .. 'leases', exact(now()), '+inf', 'WITHSCORES')
for nth = 1, #living, 2 do
  found[#found + 1] = call('HGET', P .. 'workers', living[nth])
  found[#found + 1] = living[nth + 1]
end
return found
