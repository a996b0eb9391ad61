-- Made of: common, arrivals, claims, pushing, jobs, settling
-- ARGV: as settle_batch takes them. Returns the places, from 0, of outcomes that were refused.
return settle_batch()
