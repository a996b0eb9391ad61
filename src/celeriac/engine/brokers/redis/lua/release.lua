-- ARGV: the failure of an unwanted job, then number, child, delivery ... Returns how many went back.
local time, gone = now(), 0
for first = 2, #ARGV, 3 do
  local number, child = ARGV[first], ARGV[first + 1]
  local attempts, queue = holding(number, child, tonumber(ARGV[first + 2]))
  if attempts and call('HEXISTS', P .. 'j:' .. number, 'b') == 0 then
    give_back(number, child, queue, attempts, time, ARGV[1])
    gone = gone + 1
  end
end
finish()
return gone
