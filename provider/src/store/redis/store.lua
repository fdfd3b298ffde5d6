-- Everything that a store does, each call whole or not at all.
--
-- KEYS: the issuer's own hash, then what the call is about.
-- ARGV: what to do, the deadline, then what the operation needs.
--
-- An entry is a hash: v the value, k its key, u until when it lives by the issuer's clock, e the
-- era of its kind, w who put it, s who used it, t who took it, l what was left of its real life
-- when it was taken. "Who" is one attempt of one process, so that an attempt that comes twice is
-- seen for what it is.

local operation, deadline = ARGV[1], tonumber(ARGV[2])

-- Who asked has given up by then, and has told so. What comes too late must not happen.
local time = redis.call('TIME')
if tonumber(time[1]) * 1000000 + tonumber(time[2]) > deadline then
    return redis.error_reply('LATE the deadline is over')
end

local own, entry = KEYS[1], KEYS[2]
local kind, now = ARGV[3], tonumber(ARGV[4])

local function era()
    return redis.call('HGET', own, 'era:' .. kind) or '0'
end

-- The fields of the entry, if it is alive and was not taken by another attempt.
local function alive(attempt)
    local it = redis.call('HMGET', entry, 'u', 'e', 't', 's', 'v', 'w')
    if not it[1] or tonumber(it[1]) <= now or it[2] ~= era() then
        return nil
    end
    if it[3] and it[3] ~= attempt then
        return nil
    end
    return { until_ = it[1], taken = it[3], used = it[4], value = it[5], writer = it[6] }
end

local function put(value, key, until_, life, writer)
    redis.call('DEL', entry)
    redis.call('HSET', entry, 'v', value, 'k', key, 'u', until_, 'e', era())
    if writer then
        redis.call('HSET', entry, 'w', writer)
    end
    redis.call('EXPIRE', entry, life)
end

-- Whether a mark is of this process, and not of an attempt that was made after `newest`.
local function is_undone(mark, process, newest)
    if not mark then
        return false
    end
    local maker, number = string.match(mark, '^(.+):(%d+)$')
    return maker == process and tonumber(number) <= newest
end

-- Nothing of an issuer that nobody asks any more stays for ever.
local function keep_own()
    redis.call('EXPIRE', own, 30 * 24 * 60 * 60)
end

local operations = {}

function operations.put()
    put(ARGV[5], ARGV[6], ARGV[7], ARGV[8])
    return 1
end

operations['put-new'] = function()
    local attempt = ARGV[9]
    local there = alive(nil)
    if there then
        return there.writer == attempt and 1 or 0
    end
    put(ARGV[5], ARGV[6], ARGV[7], ARGV[8], attempt)
    return 1
end

function operations.get()
    local there = alive(nil)
    if not there then
        return nil
    end
    return { there.value, there.until_, there.used and 1 or 0 }
end

function operations.take()
    local attempt, kept = ARGV[5], tonumber(ARGV[6])
    local there = alive(attempt)
    if not there then
        return nil
    end
    if not there.taken then
        local left = redis.call('TTL', entry)
        redis.call('HSET', entry, 't', attempt, 'l', left)
        redis.call('EXPIRE', entry, math.min(left, kept))
    end
    return there.value
end

function operations.use()
    local attempt = ARGV[5]
    local there = alive(nil)
    if not there then
        return 0
    end
    if there.used then
        return there.used == attempt and 1 or 0
    end
    redis.call('HSET', entry, 's', attempt)
    return 1
end

function operations.undo()
    local process, newest = ARGV[5], tonumber(ARGV[6])
    local it = redis.call('HMGET', entry, 'w', 's', 't', 'l')
    if is_undone(it[1], process, newest) then
        return redis.call('DEL', entry)
    end
    if is_undone(it[2], process, newest) then
        redis.call('HDEL', entry, 's')
    end
    if is_undone(it[3], process, newest) then
        redis.call('HDEL', entry, 't', 'l')
        redis.call('EXPIRE', entry, it[4])
    end
    return 1
end

function operations.clear()
    local new = redis.call('HINCRBY', own, 'era:' .. kind, 1)
    keep_own()
    return new
end

function operations.counter()
    return redis.call('HGET', own, 'counter:' .. ARGV[3]) or '0'
end

function operations.advance()
    local new = redis.call('HINCRBY', own, 'counter:' .. ARGV[3], 1)
    keep_own()
    return new
end

function operations.secret()
    redis.call('HSETNX', own, 'secret', ARGV[3])
    keep_own()
    return redis.call('HGET', own, 'secret')
end
