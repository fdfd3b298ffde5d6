
-- What replicas share beside entries: clock, faults, exchanges.
--
-- KEYS: the issuer's own hash, then the faults or the exchanges.
-- ARGV: what to do, the deadline, who asks, then what the operation needs.
--
-- A fault is in one hash with all others: f:N what it does, m:N how many responses it concerned,
-- c:N how many it changed, mb:N and cb:N who counted last, o:N that it was set up with the issuer.
-- An exchange is a member of a sorted set, by its number: who entered it, when by this server's
-- clock, and what it was. A hash beside the set has who entered one, so that an exchange that comes
-- twice is seen for what it is.

local who = ARGV[3]

local function version()
    local told = redis.call('HMGET', own, 'epoch', 'version')
    return (told[1] or '') .. ':' .. (told[2] or '')
end

-- Others have to learn of what has changed.
local function changed()
    redis.call('HSETNX', own, 'epoch', who)
    redis.call('HINCRBY', own, 'version', 1)
    redis.call('EXPIRE', entry, 30 * 24 * 60 * 60)
    keep_own()
end

local function forget_fault(id)
    return redis.call('HDEL', entry, 'f:' .. id, 'm:' .. id, 'c:' .. id, 'mb:' .. id, 'cb:' .. id,
        'o:' .. id)
end

local function next_fault()
    return redis.call('HINCRBY', own, 'last-fault', 1)
end

function operations.news()
    local told = version()
    if told == ARGV[4] then
        return nil
    end
    local faults, all = {}, redis.call('HGETALL', entry)
    for at = 1, #all, 2 do
        local id = string.match(all[at], '^f:(%d+)$')
        if id then
            table.insert(faults, { id, all[at + 1] })
        end
    end
    local set_up = redis.call('HEXISTS', own, 'set-up')
    return { told, set_up, redis.call('HGET', own, 'clock'), faults }
end

-- What the first of all said; nobody's word but what there is, where nothing is said now.
function operations.first()
    local name = 'first:' .. ARGV[4]
    if ARGV[5] then
        redis.call('HSETNX', own, name, ARGV[5])
        keep_own()
    end
    return redis.call('HGET', own, name)
end

function operations.clock()
    return redis.call('HGET', own, 'clock')
end

operations['turn-clock'] = function()
    local there = redis.call('HMGET', own, 'turned-by', 'clock')
    if there[1] == who then
        return 1
    end
    if (there[2] or '') ~= ARGV[4] then
        return 0
    end
    redis.call('HSET', own, 'clock', ARGV[5], 'turned-by', who)
    changed()
    return 1
end

operations['set-up-faults'] = function()
    if redis.call('HGET', own, 'set-up') == ARGV[4] then
        return 1
    end
    for _, field in ipairs(redis.call('HKEYS', entry)) do
        local id = string.match(field, '^o:(%d+)$')
        if id then
            forget_fault(id)
        end
    end
    for at = 5, #ARGV do
        local id = next_fault()
        redis.call('HSET', entry, 'f:' .. id, ARGV[at], 'o:' .. id, 1)
    end
    redis.call('HSET', own, 'set-up', ARGV[4])
    changed()
    return 1
end

function operations.arm()
    local there = redis.call('HMGET', own, 'armed-by', 'last-fault')
    if there[1] == who then
        return there[2]
    end
    local id = next_fault()
    redis.call('HSET', own, 'armed-by', who)
    redis.call('HSET', entry, 'f:' .. id, ARGV[4])
    changed()
    return id
end

function operations.counts()
    local there = redis.call('HMGET', entry, 'f:' .. ARGV[4], 'm:' .. ARGV[4], 'c:' .. ARGV[4])
    if not there[1] then
        return nil
    end
    return { there[2] or '0', there[3] or '0' }
end

function operations.disarm()
    local there = operations.counts()
    if there then
        forget_fault(ARGV[4])
        changed()
    end
    return there
end

operations['replace-faults'] = function()
    redis.call('DEL', entry)
    for at = 4, #ARGV, 4 do
        local id = ARGV[at]
        redis.call('HSET', entry, 'f:' .. id, ARGV[at + 1], 'm:' .. id, ARGV[at + 2],
            'c:' .. id, ARGV[at + 3])
        local last = tonumber(redis.call('HGET', own, 'last-fault') or '0')
        if tonumber(id) > last then
            redis.call('HSET', own, 'last-fault', id)
        end
    end
    changed()
    return 1
end

-- One more of something about a fault, if that has not ended.
local function count(number, by)
    if redis.call('HEXISTS', entry, 'f:' .. ARGV[4]) == 0 then
        return nil
    end
    if redis.call('HGET', entry, by .. ARGV[4]) == who then
        return redis.call('HGET', entry, number .. ARGV[4])
    end
    redis.call('HSET', entry, by .. ARGV[4], who)
    return redis.call('HINCRBY', entry, number .. ARGV[4], 1)
end

operations['count-match'] = function()
    return count('m:', 'mb:')
end

operations['count-fired'] = function()
    count('c:', 'cb:')
    return 1
end

-- The hash beside the exchanges; it is on the same node, as what is in braces is the same.
local function marks()
    return entry .. ':by'
end

function operations.record()
    if redis.call('HSETNX', marks(), who, 1) == 0 then
        return 0
    end
    local there = redis.call('HMGET', own, 'last-exchange', 'exchanges-size')
    local number = math.max(tonumber(there[1] or '0'), tonumber(ARGV[4])) + 1
    local kept = redis.call('ZCARD', entry)
    local size = kept > 0 and tonumber(there[2] or '0') or 0
    local member = who .. ' ' .. time[1] .. string.format('%06d', time[2]) .. ' ' .. ARGV[5]
    while kept > 0 and (kept >= tonumber(ARGV[6]) or size + #member > tonumber(ARGV[7])) do
        local oldest = redis.call('ZPOPMIN', entry)[1]
        redis.call('HDEL', marks(), string.match(oldest, '^(%S+) '))
        kept, size = kept - 1, size - #oldest
    end
    redis.call('ZADD', entry, number, member)
    redis.call('HSET', own, 'last-exchange', number, 'exchanges-size', size + #member)
    redis.call('EXPIRE', entry, ARGV[8])
    redis.call('EXPIRE', marks(), ARGV[8])
    keep_own()
    return number
end

function operations.exchanges()
    local after = tonumber(ARGV[4])
    local last = tonumber(redis.call('HGET', own, 'last-exchange') or '0')
    if last < after then
        -- This server has forgotten everything. Numbers go on for those who remember.
        last = after
        redis.call('HSET', own, 'last-exchange', last)
        keep_own()
    end
    local oldest = redis.call('ZRANGE', entry, 0, 0, 'WITHSCORES')[2]
    local found = redis.call('ZRANGEBYSCORE', entry, '(' .. ARGV[4], '+inf', 'WITHSCORES',
        'LIMIT', 0, ARGV[5])
    local told = {}
    for at = 1, #found, 2 do
        table.insert(told, { found[at + 1], found[at] })
    end
    return { oldest or last + 1, last, time[1] .. string.format('%06d', time[2]), told }
end

operations['forget-exchanges'] = function()
    redis.call('DEL', entry, marks())
    redis.call('HSET', own, 'exchanges-size', 0)
    keep_own()
    return 1
end

return operations[operation]()
