-- Made of: common, arrivals
-- ARGV: child
disarm(ARGV[1])
