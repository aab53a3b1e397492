-- Reads runs, newest first. ARGV: prefix, filter, key of a run's record, the position before which they stand or +, the one from
-- which on they stand or -, most or -1.
local prefix, filter, field, before, since, most = unpack(ARGV)
local bodies = {}
for i, member in ipairs(redis.call('ZREVRANGEBYLEX', prefix .. 'runs:' .. filter, before, since, 'LIMIT', 0, most)) do
	bodies[i] = redis.call('HGET', prefix .. 'records:' .. member:sub(34), field)
end
return bodies
