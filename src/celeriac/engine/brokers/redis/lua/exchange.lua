-- Made of: common, arrivals, claims, pushing, jobs, settling, claiming
-- ARGV: as settle_batch takes them, then as claim_batch does. Returns both answers: what ended is written, then more is
-- claimed.
local refused = settle_batch()
return { refused, claim_batch() }
