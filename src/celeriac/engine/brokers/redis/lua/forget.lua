-- ARGV: numbers ... Deletes the records of ended jobs. Returns how many.
local gone = 0
for _, number in ipairs(ARGV) do
  local job = call('HMGET', P .. 'j:' .. number, 's', 'q', 'id', 'k')
  local state = job[1]
  if state == 'succeeded' or state == 'failed' or state == 'cancelled' or state == 'expired' then
    call('DEL', P .. 'j:' .. number, P .. 'at:' .. number, P .. 'i:' .. job[3])
    call('ZREM', P .. 'ended:' .. state, number)
    call('ZREM', P .. 'all', number)
    call('SREM', P .. 'turns:' .. job[4], number)
    tally(state, job[2], -1)
    gone = gone + 1
  end
end
write_tallies()
return gone
