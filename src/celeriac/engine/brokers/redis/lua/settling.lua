-- Settling a batch. Arguments: when the last of the outcomes ended; in msgpack, of each its number, which kind it is and how
-- long the rest of its end is, and the kinds; the rests; then, of each where there is more, that, followed by its follow-ups.
-- Returns the places, from 0, of those that were refused.
local function settle_batch()
  local time, refused, kinds = now(), {}, {}
  ended_at = take()
  local numbers, which, lengths, listed = unpack(cmsgpack.unpack(take()))
  local rests = cut(take(), lengths)
  for nth, text in ipairs(listed) do kinds[nth] = read_kind(text) end
  local claims = claims_of(numbers)
  for nth, number in ipairs(numbers) do
    local kind = kinds[which[nth]]
    local more = kind.more and take_more()
    if more then more.follow_ups, more.records = take(), take() end
    local claim = held_by(claims[nth], number, kind.child, kind.delivery)
    if claim then
      settle(number, claim, kind, rests[nth], more, time)
      if more then push(more.follow_ups, more.records, time) end
    else
      refused[#refused + 1] = nth - 1
    end
  end
  finish()
  return refused
end
