-- Charges calls that have ended for what they used, and gives back what they did not need.
--
-- KEYS: one of each charge. ARGV: the beginning of the keys that replicas keep alive, then for each
-- charge what it is, a number, and one thing more. Time is as in take.lua.
local time = redis.call('TIME')
local now = (time[1] - 1735689600) * 1000000 + time[2]
local alive = ARGV[1]

for i, key in ipairs(KEYS) do
  local what, a, b = ARGV[3 * i - 1], ARGV[3 * i], ARGV[3 * i + 1]
  if what == 'give_back' then
    -- a: microseconds of one call, b: when it was taken. What has been refilled since is there
    -- already.
    local rest = tonumber(a) - (now - tonumber(b))
    local full = tonumber(redis.call('GET', key) or 0)
    if rest > 0 and full > now then
      redis.call('SET', key, string.format('%.17g', full - rest), 'KEEPTTL')
    end
  elseif what == 'charge' then
    -- a: microseconds that it takes to make up for what was used.
    local full = math.max(tonumber(redis.call('GET', key) or 0), now) + tonumber(a)
    local ms = math.ceil(math.min((full - now) / 1000 + 1000, 4e12))
    redis.call('SET', key, string.format('%.17g', full), 'PX', string.format('%.0f', ms))
  elseif what == 'spend' then
    -- a: billionths, b: seconds since the Unix epoch at which the day or month ends.
    redis.call('INCRBY', key, a)
    redis.call('EXPIREAT', key, b)
  elseif what == 'finish' then
    -- b: the replica under which the call was taken.
    if redis.call('EXISTS', alive .. b) == 1 and redis.call('HINCRBY', key, b, -1) <= 0 then
      redis.call('HDEL', key, b)
    end
  end
end
