-- Keeps one commit of a tenant, unless another promgate has committed since: see push-journal-redis.ts.
-- A promgate that got no answer sends its commit again.
--
-- KEYS: version, about, changed, named, empty, writers, lock; then values and keys of each bucket
-- ARGV: the version that this promgate knows, the version after the commit, the number of that
--   version, the writer of that version, the next number of a record, the forced labels, the owner of
--   the lock, for how many milliseconds it wants the lock (0: not at all), the changes (see
--   push-redis-bytes.ts)
-- Answers 'kept', 'stale', or 'busy' while another promgate has the lock.

local version, about, changed, named, empty, writers, lock = unpack(KEYS, 1, 7)
local known, after, seq, writer, next_id, forced, owner, lock_ms, bytes = unpack(ARGV, 1, 9)

local WRITERS_KEPT = 64
local EMPTY_KEPT, EMPTY_PRUNED = 1000, 500
local FORGET_EMPTY_TENANT_MS = 7 * 24 * 3600 * 1000

local now = redis.call('GET', version) or ''
if now ~= known then
  if redis.call('HGET', writers, writer) == seq then
    redis.call('HSET', writers, writer, seq) -- WAIT waits for writes of this connection only
    return 'kept'
  end
  if lock_ms ~= '0' then redis.call('SET', lock, owner, 'NX', 'PX', lock_ms) end
  return 'stale'
end
local holder = redis.call('GET', lock)
if holder and holder ~= owner then return 'busy' end

-- Redis refuses the first write when its memory is full, and the others not.
redis.call('HSET', about, 'next', next_id, 'forced', forced)

local at = 1
local function take_fields(count)
  local fields = {}
  for _ = 1, count do
    local slot, length
    slot, length, at = struct.unpack('<BI4', bytes, at)
    fields[#fields + 1] = slot
    fields[#fields + 1] = string.sub(bytes, at, at + length - 1)
    at = at + length
  end
  return fields
end

local growth = 0
for i = 8, #KEYS, 2 do
  local values, keys = KEYS[i], KEYS[i + 1]
  local bucket, value_count, key_count, removed_count
  bucket, value_count, key_count, removed_count, at = struct.unpack('<I4BBB', bytes, at)
  if value_count > 0 then redis.call('HSET', values, unpack(take_fields(value_count))) end
  if key_count > 0 then
    growth = growth + redis.call('HSET', keys, unpack(take_fields(key_count)))
    redis.call('ZADD', named, seq, bucket)
    redis.call('ZREM', empty, bucket)
  end
  if removed_count > 0 then
    local slots = { string.byte(bytes, at, at + removed_count - 1) }
    at = at + removed_count
    redis.call('HDEL', values, unpack(slots))
    growth = growth - redis.call('HDEL', keys, unpack(slots))
    if redis.call('EXISTS', keys) == 0 then redis.call('ZADD', empty, seq, bucket) end
  end
  redis.call('ZADD', changed, seq, bucket)
end

-- Empty buckets are named for those who have not seen yet that the records are gone.
if redis.call('ZCARD', empty) > EMPTY_KEPT then
  local old = redis.call('ZRANGE', empty, 0, EMPTY_PRUNED - 1)
  redis.call('HSET', about, 'pruned', redis.call('ZSCORE', empty, old[#old]))
  redis.call('ZREM', changed, unpack(old))
  redis.call('ZREM', named, unpack(old))
  redis.call('ZREM', empty, unpack(old))
end

if redis.call('HSET', writers, writer, seq) == 1 and redis.call('HLEN', writers) > WRITERS_KEPT then
  local all = redis.call('HGETALL', writers)
  local oldest = 1
  for i = 3, #all, 2 do
    if tonumber(all[i + 1]) < tonumber(all[oldest + 1]) then oldest = i end
  end
  redis.call('HDEL', writers, all[oldest])
end

redis.call('SET', version, after)
redis.call('DEL', lock)

-- A tenant without records goes away by itself.
local count = redis.call('HINCRBY', about, 'count', growth)
if count <= 0 then
  for i = 1, 6 do redis.call('PEXPIRE', KEYS[i], FORGET_EMPTY_TENANT_MS) end
elseif count == growth then
  for i = 1, 6 do redis.call('PERSIST', KEYS[i]) end
end
return 'kept'
