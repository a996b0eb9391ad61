-- ARGV: limit, place. Returns about so many ended jobs from a place in the lists on (0: the first), of each state those that
-- ended first: row and attempts of each; then the place where the next look begins, 0 where these were the last. Forgets the
-- places of those that are gone already.
local limit, from, numbers = take_number(), take_number(), {}
local function gather_there(entry)
  local listed, before = {}, #numbers
  for number in string.gmatch(entry, ' (%S+)') do listed[#listed + 1] = number end
  for nth, ended in ipairs(values_of('o:', listed)) do
    if ended then numbers[#numbers + 1] = listed[nth] end
  end
  return #numbers > before
end
local LIST = 1000000000 -- places of one state's list
local LOOKS = 50 -- entries, of up to 100 jobs each: behind a job that stays may be many that are gone
local next_place, looks = 0, 0
for which, state in ipairs({ 'succeeded', 'failed', 'cancelled', 'expired' }) do
  local list, first = P .. 'ended:' .. state, (which - 1) * LIST
  local nth = math.max(from - 1 - first, 0)
  while #numbers < limit and looks < LOOKS do
    local entry = call('LINDEX', list, nth)
    if not entry then break end
    if gather_there(entry) or nth > 0 then
      nth = nth + 1
    else
      call('LPOP', list)
    end
    next_place, looks = first + nth + 1, looks + 1
  end
end
if #numbers < limit and looks < LOOKS then next_place = 0 end
local found = {}
for nth, row in ipairs(rows_of(numbers)) do found[nth] = { row, call('LRANGE', P .. 'at:' .. row[1], 0, -1) } end
return { found, next_place }
