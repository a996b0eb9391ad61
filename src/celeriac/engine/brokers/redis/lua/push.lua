-- Made of: common, arrivals, pushing
-- ARGV: jobs as push takes them.
push(ARGV[1], ARGV[2], now())
write_values()
write_arrivals()
write_tallies()
wake_for_arrivals()
