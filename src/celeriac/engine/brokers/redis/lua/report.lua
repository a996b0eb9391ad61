-- ARGV: number, child, delivery, progress
if not holding(ARGV[1], ARGV[2], tonumber(ARGV[3])) then return 0 end
call('HSET', P .. 'm:' .. ARGV[1], 'm', ARGV[4])
return 1
