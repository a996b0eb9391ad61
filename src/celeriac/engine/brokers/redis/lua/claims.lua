-- Who holds what; but not what this script has let go of.
local dropped = {}
local function claims_of(numbers)
  if #numbers > 0 and #numbers <= 4000 then return call('HMGET', P .. 'claims', unpack(numbers)) end
  local claims = {}
  for first = 1, #numbers, 4000 do
    gather(claims, call('HMGET', P .. 'claims', unpack(numbers, first, math.min(first + 3999, #numbers))))
  end
  return claims
end

-- Most jobs of a batch have equal claims, so each is taken apart once.
local read_claims = {}
local function read_claim(text)
  local claim = read_claims[text]
  if not claim then
    local delivery, attempts, child, queue = string.match(text, '^(%d+) (%d+) (%S+) (.*)$')
    claim = { delivery = tonumber(delivery), attempts = tonumber(attempts), child = child, queue = queue }
    read_claims[text] = claim
  end
  return claim
end

-- The claim of a token, or nil where the token is worth nothing (any more).
local function held_by(text, number, child, delivery)
  if not text or dropped[number] then return nil end
  local claim = read_claim(text)
  return claim.child == child and claim.delivery == delivery and claim or nil
end
local function holding(number, child, delivery)
  return held_by(call('HGET', P .. 'claims', number), number, child, delivery)
end
