-- Takes what a call needs from all of its limits, or from none.
--
-- KEYS: one of each limit. ARGV: the beginning of the keys that replicas keep alive, this replica,
-- then for each limit its unit and two numbers.
-- Returns {0, now}, or the position of the limit that refuses and the microseconds to wait.
--
-- Time is Redis's own, in microseconds since 2025: a double holds that to a hundredth.
local time = redis.call('TIME')
local now = (time[1] - 1735689600) * 1000000 + time[2]
local alive, me = ARGV[1], ARGV[2]
local found = {}

for i, key in ipairs(KEYS) do
  local unit, a, b = ARGV[3 * i], tonumber(ARGV[3 * i + 1]), tonumber(ARGV[3 * i + 2])
  if unit == 'calls' then
    -- a: microseconds of one call, b: burst. Kept is the moment at which the bucket is full.
    local full = math.max(tonumber(redis.call('GET', key) or 0), now) + a
    local wait = full - now - a * b
    if wait > 0.5 then return {i, math.ceil(wait)} end
    found[i] = full
  elseif unit == 'tokens' or unit == 'bytes' then
    -- a: microseconds of a whole bucket, b: of its last unit.
    local wait = tonumber(redis.call('GET', key) or 0) - now - (a - b)
    if wait > 0.5 then return {i, math.ceil(wait)} end
  elseif unit == 'concurrent' then
    -- a: how many. Kept is how many calls of each replica are under way; those of a replica that
    -- is gone are over.
    local all, sum = redis.call('HGETALL', key), 0
    for j = 1, #all, 2 do
      if all[j] == me or redis.call('EXISTS', alive .. all[j]) == 1 then
        sum = sum + all[j + 1]
      else
        redis.call('HDEL', key, all[j])
      end
    end
    if sum >= a then return {i, 1000000} end
  elseif unit == 'cost' then
    -- a: how much, b: microseconds since 2025 at which the day or month ends.
    if tonumber(redis.call('GET', key) or 0) >= a then
      return {i, math.max(1, math.ceil(b - now))}
    end
  end
end

for i, key in ipairs(KEYS) do
  local unit = ARGV[3 * i]
  if unit == 'calls' then
    local ms = math.ceil((found[i] - now) / 1000) + 1000
    redis.call('SET', key, string.format('%.17g', found[i]), 'PX', ms)
  elseif unit == 'concurrent' then
    redis.call('HINCRBY', key, me, 1)
    redis.call('EXPIRE', key, 172800)
  end
end
return {0, now}
