-- ARGV: child
disarm(ARGV[1])
