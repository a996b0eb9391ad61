-- ARGV: id, task, queue, priority, record, then the outcome. Keeps the record of a job that ran without being enqueued.
local id, task, queue, priority, record = take(), take(), take(), take(), take()
local outcome, time = take_outcome(), now()
local number = whole(call('INCR', P .. 'n'))
if call('SETNX', P .. 'i:' .. id, number) == 0 then return end
call('HSET', P .. 'j:' .. number, 'id', id, 'k', task, 'r', record, 's', outcome.state, 'q', queue, 'p', priority,
  'ct', exact(outcome.finished), 'st', exact(outcome.started), 'fi', exact(outcome.finished), 'w', outcome.worker)
call('HINCRBY', P .. 'j:' .. number, 'a', outcome.counts)
if outcome.result then call('HSET', P .. 'j:' .. number, 'v', outcome.result) end
if outcome.progress then call('HSET', P .. 'j:' .. number, 'm', outcome.progress) end
if outcome.attempt then remember(number, outcome.counts, outcome.attempt) end
call('ZADD', P .. 'all', number, number)
end_job(number, outcome.state, queue, outcome.finished)
finish()
