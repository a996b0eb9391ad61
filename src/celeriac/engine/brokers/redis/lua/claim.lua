-- Made of: common, claiming
-- ARGV and answer: as claim_batch has them.
return claim_batch()
