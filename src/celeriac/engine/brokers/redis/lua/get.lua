-- ARGV: id, '1' where the caller waits for the job's end or '0'. Returns the number and the fields.
local number = call('GET', P .. 'i:' .. ARGV[1])
if not number then return false end
if ARGV[2] == '1' then call('SADD', P .. 'waiters', number) end
local fields = call('HGETALL', P .. 'j:' .. number)
fields[#fields + 1] = 'name'
fields[#fields + 1] = call('HGET', P .. 'children', call('HGET', P .. 'j:' .. number, 'c') or '') or ''
return { number, fields }
