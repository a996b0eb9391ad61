-- ARGV: limit. Returns about so many ended jobs, of each state those that ended first: row and attempts of each. Forgets the
-- places of those that are gone already.
local limit, numbers = take_number(), {}
local function gather_there(entry)
  local listed, before = {}, #numbers
  for number in string.gmatch(entry, ' (%S+)') do listed[#listed + 1] = number end
  for nth, ended in ipairs(values_of('o:', listed)) do
    if ended then numbers[#numbers + 1] = listed[nth] end
  end
  return #numbers > before
end
for _, state in ipairs({ 'succeeded', 'failed', 'cancelled', 'expired' }) do
  local list, nth = P .. 'ended:' .. state, 0
  while #numbers < limit do
    local entry = call('LINDEX', list, nth)
    if not entry then break end
    if gather_there(entry) then
      nth = nth + 1
    elseif nth == 0 then
      call('LPOP', list)
    else
      nth = nth + 1
    end
  end
end
local found = {}
for nth, row in ipairs(rows_of(numbers)) do found[nth] = { row, call('LRANGE', P .. 'at:' .. row[1], 0, -1) } end
return found
