-- ARGV: duty, holder
local leading = call('HGET', P .. 'leaders', ARGV[1])
if leading and string.match(leading, '^%S+ (.*)$') == ARGV[2] then call('HDEL', P .. 'leaders', ARGV[1]) end
