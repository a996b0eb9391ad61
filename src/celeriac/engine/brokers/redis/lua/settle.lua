-- ARGV: how many outcomes; then each, followed by its follow-ups. Returns the places, from 0, of those that were refused.
local time, refused = now(), {}
for nth = 1, take_number() do
  local accepted = settle(take_outcome(), time)
  local follow_ups = take_number()
  if accepted then
    place = place - 1
    push(time)
  else
    refused[#refused + 1] = nth - 1
    place = place + follow_ups * 7
  end
end
finish()
return refused
