-- ARGV: '1' for at most once or '0', then number, child, delivery ... Returns the places, from 0, of those still held.
local time, held = exact(now()), {}
for first = 2, #ARGV, 3 do
  if holding(ARGV[first], ARGV[first + 1], tonumber(ARGV[first + 2])) then
    local key = P .. 'm:' .. ARGV[first]
    call('HSETNX', key, 'b', time)
    if ARGV[1] == '1' then call('HSET', key, 'o', 1) end
    held[#held + 1] = (first - 2) / 3
  end
end
return held
