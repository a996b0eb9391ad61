-- ARGV: id, '1' where the caller waits for the job's end or '0'. Returns its row.
local number = call('GET', P .. 'i:' .. ARGV[1])
if not number then return false end
if ARGV[2] == '1' then call('SADD', P .. 'waiters', number) end
return rows_of({ number })[1]
