-- What has changed in a tenant since a version: see push-journal-redis.ts. All keys have one hash tag;
-- those of the buckets are not named beforehand, as only the script knows which have changed.
--
-- KEYS: version, about, changed, named, writers
-- ARGV: the number and the writer of the version (0 and '' for none), the number of bytes from which
--   on no further bucket is added, the buckets to read in any case, the beginning of the buckets' keys
-- Answers nothing if there is no such tenant; else version, next number, forced labels, what became of
--   the version, the buckets left to read, and for each bucket its number, its keys and its values.

local version, about, changed, named, writers = unpack(KEYS, 1, 5)
local since, writer, limit, wanted, prefix = unpack(ARGV, 1, 5)
since, limit = tonumber(since), tonumber(limit)

local WRITERS_KEPT = 64

local now = redis.call('GET', version)
if not now then return {} end

-- A writer commits ever greater numbers, and takes another name when some of them are lost.
local function history()
  if since == 0 then return 'none' end
  local last = tonumber(redis.call('HGET', writers, writer) or nil)
  local seq = tonumber(string.match(now, '^%d+'))
  if seq < since or (last and last < since) then return 'lost' end
  if not last then
    return redis.call('HLEN', writers) < WRITERS_KEPT and 'lost' or 'forgotten'
  end
  if since < tonumber(redis.call('HGET', about, 'pruned') or '0') then return 'forgotten' end
  return 'known'
end

local became = history()
if became ~= 'known' then since, wanted = 0, '' end

local buckets, has_key, is_listed = {}, {}, {}
for bucket in string.gmatch(wanted, '%d+') do
  buckets[#buckets + 1] = bucket
  has_key[bucket], is_listed[bucket] = true, true
end
for _, bucket in ipairs(redis.call('ZRANGEBYSCORE', named, '(' .. since, '+inf')) do
  has_key[bucket] = true
end
for _, bucket in ipairs(redis.call('ZRANGEBYSCORE', changed, '(' .. since, '+inf')) do
  if not is_listed[bucket] then buckets[#buckets + 1] = bucket end
end

local facts = redis.call('HMGET', about, 'next', 'forced')
local answer = { now, facts[1], facts[2], became, '' }
local size = 0
for i, bucket in ipairs(buckets) do
  if size >= limit then
    answer[5] = table.concat(buckets, ' ', i)
    break
  end
  local values = redis.call('HGETALL', prefix .. 'v:' .. bucket)
  local keys = has_key[bucket] and redis.call('HGETALL', prefix .. 'k:' .. bucket) or {}
  for j = 2, #values, 2 do size = size + #values[j] end
  for j = 2, #keys, 2 do size = size + #keys[j] end
  answer[#answer + 1] = tonumber(bucket)
  answer[#answer + 1] = keys
  answer[#answer + 1] = values
end
return answer
