-- Reads runs, newest first. ARGV: prefix, filter, key of a run's record, index of the last one or -1.
local prefix, filter, field, last = unpack(ARGV)
local bodies = {}
for i, member in ipairs(redis.call('ZREVRANGE', prefix .. 'runs:' .. filter, 0, last)) do
	bodies[i] = redis.call('HGET', prefix .. 'records:' .. member:sub(34), field)
end
return bodies
