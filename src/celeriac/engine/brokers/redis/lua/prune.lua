-- ARGV: state, seconds, limit. Deletes the records of jobs that ended so, that long ago. Returns how many.
local state, before, limit = take(), now() - take_number(), take_number()
local list, gone = P .. 'ended:' .. state, 0
while gone < limit do
  local oldest = call('LINDEX', list, 0)
  if not oldest then break end
  local ended, numbers = string.match(oldest, '^(%S+)'), {}
  if tonumber(ended) >= before then break end
  for number in string.gmatch(oldest, ' (%S+)') do numbers[#numbers + 1] = number end
  local some = {}
  while #some < limit - gone and #numbers > 0 do some[#some + 1] = table.remove(numbers, 1) end
  gone = gone + forget(some)
  if #numbers == 0 then
    call('LPOP', list)
  else
    call('LSET', list, 0, ended .. ' ' .. table.concat(numbers, ' '))
  end
end
finish()
return gone
