-- ARGV: seconds, limit. Returns the rows of the jobs that failed within these seconds, the latest first.
local since, limit = now() - take_number(), take_number()
local list, found, last = P .. 'ended:failed', {}, -1
while #found < limit do
  local part = call('LRANGE', list, last - 99, last)
  for nth = #part, 1, -1 do
    if tonumber(string.match(part[nth], '^(%S+)')) < since then return rows_of(found) end
    local numbers = {}
    for number in string.gmatch(part[nth], ' (%S+)') do numbers[#numbers + 1] = number end
    for each = #numbers, 1, -1 do
      if #found < limit then found[#found + 1] = numbers[each] end
    end
  end
  if #part < 100 then break end
  last = last - 100
end
return rows_of(found)
