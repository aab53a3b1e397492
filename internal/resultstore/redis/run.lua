-- Reads records of one run. ARGV: prefix, run, execution or nothing for the newest, first and last key, most or -1.
local prefix, run, execution, from, to, most = unpack(ARGV)
if execution == '' then
	local newest = redis.call('ZREVRANGE', prefix .. 'executions:' .. run, 0, 0)[1]
	if not newest then
		return {}
	end
	execution = newest:sub(34)
end
local name = run .. ':' .. execution
local fields = redis.call('ZRANGEBYLEX', prefix .. 'order:' .. name, from, to, 'LIMIT', 0, most)
local bodies = {}
-- Lua hands on no more than some thousand arguments.
for first = 1, #fields, 1000 do
	local some = redis.call('HMGET', prefix .. 'records:' .. name, unpack(fields, first, math.min(first + 999, #fields)))
	for i = 1, #some do
		bodies[#bodies + 1] = some[i]
	end
end
return bodies
