-- What every script begins with; the parts it is made of beyond this one stand in its first line. All keys of a namespace share
-- one hash tag, so a script may name keys as it goes.
--
--   n                 the last job number                 i:<id>        a job's number
--   j:<number>        a job as it was pushed              m:<number>    what has changed since, where anything has
--   o:<number>        what it ended in, once it has       at:<number>   its kept attempts
--   w:<queue>         waiting, by urgency                 due           scheduled, by time
--   claims            of each running job: delivery, attempts, child, queue
--   h:<child>         numbers of what a child holds       pages         how many jobs have numbers of each thousand
--   children          the worker of each living child     kids:<worker> its children
--   workers, leases   who they are, until when            paused        queues
--   idle:<queue>      children asleep, to be woken        armed         the queues each of them sleeps on
--   ended:<state>     when jobs ended, and their numbers  parked, doomed, waiters   numbers
--   counts            jobs by state and queue             leaders       duties
--   rates             a task's next free turn and spacing turns:<task>  jobs that have a turn
--
-- A job is where it is listed: one that has ended has an o, one that runs a claim, a scheduled one stands in due, any other
-- waits. What most jobs need is read and written for a whole batch by one command.

local P = KEYS[1]
local call = redis.call

local function now()
  local time = call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1000000
end

-- Arguments are read one after the other. An empty one is one that is missing.
local place = 0
local function take()
  place = place + 1
  return ARGV[place]
end
local function take_some()
  local value = take()
  return value ~= '' and value or nil
end
local function take_number() return tonumber(take()) end

-- Bytes of the client's stand one after the other, in an argument of their own: cmsgpack knows text only.
local function cut(bytes, lengths)
  local pieces, at = {}, 1
  for nth, length in ipairs(lengths) do
    pieces[nth] = string.sub(bytes, at, at + length - 1)
    at = at + length
  end
  return pieces
end

-- Lua writes a number with 14 digits; times and scores need more.
local function exact(number) return string.format('%.6f', number) end
local function whole(number) return string.format('%.0f', number) end

-- Commands with many arguments are sent in parts: Lua's stack ends at 8,000.
local function in_parts(command, key, arguments)
  for first = 1, #arguments, 4000 do
    call(command, key, unpack(arguments, first, math.min(first + 3999, #arguments)))
  end
end

-- Those that answer with a list: the answers, one after the other.
local function gather(answers, list)
  for nth = 1, #list do answers[#answers + 1] = list[nth] end
  return answers
end
local function keyed(kind, names)
  local keys = {}
  for nth, name in ipairs(names) do keys[nth] = P .. kind .. name end
  return keys
end
local function values_at(keys)
  if #keys <= 4000 then return call('MGET', unpack(keys)) end
  local found = {}
  for first = 1, #keys, 4000 do gather(found, call('MGET', unpack(keys, first, math.min(first + 3999, #keys)))) end
  return found
end
local function values_of(kind, names) return #names == 0 and names or values_at(keyed(kind, names)) end

-- Whether there is a set of this name at all: most jobs are in none, so that its members need not be looked at one by one.
local there = {}
local function exists(name)
  if there[name] == nil then there[name] = call('EXISTS', P .. name) == 1 end
  return there[name]
end

-- Changes that are gathered, and written at the end of a script.
local function gathering()
  return setmetatable({}, { __index = function(lists, name)
    local list = {}
    lists[name] = list
    return list
  end })
end
local tallies, pages = {}, {}
local function tally(state, queue, change)
  local of_state = tallies[state]
  if not of_state then of_state = {}; tallies[state] = of_state end
  of_state[queue] = (of_state[queue] or 0) + change
end
local function count_number(number, change)
  local page = math.floor(number / 1000)
  pages[page] = (pages[page] or 0) + change
end
local function write_tallies()
  for state, queues in pairs(tallies) do
    for queue, change in pairs(queues) do
      if change ~= 0 then call('HINCRBY', P .. 'counts', state .. ':' .. queue, change) end
    end
  end
  for page, change in pairs(pages) do
    if call('HINCRBY', P .. 'pages', page, change) == 0 then call('HDEL', P .. 'pages', page) end
  end
  tallies, pages = {}, {}
end
