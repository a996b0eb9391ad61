-- ARGV: when the last of the outcomes ended; how many there are; the number of each; then of each the rest, followed by its
-- follow-ups where there is more. Returns the places, from 0, of those that were refused.
local time, refused = now(), {}
ended_at = take()
local outcomes = take_number()
local numbers = {}
for nth = 1, outcomes do numbers[nth] = take() end
local claims = claims_of(numbers)
for nth, number in ipairs(numbers) do
  local kind, rest = take_kind(), take()
  local more = kind.more and take_more()
  local claim = held_by(claims[nth], number, kind.child, kind.delivery)
  if claim then
    settle(number, claim, kind, rest, more, time)
    if more then push(time) end
  else
    refused[#refused + 1] = nth - 1
    if more then
      local follow_ups = take_number()
      place = place + follow_ups * 6
    end
  end
end
finish()
return refused
