-- ARGV: numbers ... Deletes the records of ended jobs. Returns how many.
local gone, keys, lists = 0, {}, gathering()
local records, ends = values_of('j:', ARGV), values_of('o:', ARGV)
for nth, number in ipairs(ARGV) do
  local ended = ends[nth] and not dropped[number] and read_end(ends[nth])
  if ended and ended.state ~= 'parked' then
    local job = read_record(records[nth])
    local queue = call('HGET', P .. 'm:' .. number, 'q') or job.queue
    for _, key in ipairs({ 'j:' .. number, 'o:' .. number, 'm:' .. number, 'at:' .. number, 'i:' .. job.id }) do
      keys[#keys + 1] = P .. key
    end
    local list = lists[ended.state]
    list[#list + 1] = number
    if exists('turns:' .. job.task) then call('SREM', P .. 'turns:' .. job.task, number) end
    tally(ended.state, queue, -1)
    count_number(number, -1)
    dropped[number] = true
    gone = gone + 1
  end
end
for state, numbers in pairs(lists) do in_parts('ZREM', P .. 'ended:' .. state, numbers) end
for first = 1, #keys, 4000 do call('DEL', unpack(keys, first, math.min(first + 3999, #keys))) end
write_tallies()
return gone
