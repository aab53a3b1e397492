-- Removes records of one execution, the run's own last, and with the last one the execution. ARGV: prefix, run, execution,
-- most. Returns how many were removed and their bytes, without the run's; the bytes of the run's own; how many are left.
local prefix, run, execution, most = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local name = run .. ':' .. execution
local records, order, place = prefix .. 'records:' .. name, prefix .. 'order:' .. name, prefix .. 'place:' .. name
local was = redis.call('HMGET', place, 'position', 'workflow', 'status')
local count, bytes, own = 0, 0, 0
-- The key of the run's own record, which has no task, is the first of all.
for _, field in ipairs(redis.call('ZREVRANGE', order, 0, most - 1)) do
	local size = #(redis.call('HGET', records, field) or '')
	if was[2] and field:sub(1, 2) == '\0\0' then
		own = size
	else
		count, bytes = count + 1, bytes + size
	end
	redis.call('HDEL', records, field)
	redis.call('ZREM', order, field)
end
local left = redis.call('ZCARD', order)
if left == 0 and was[1] then
	redis.call('ZREM', prefix .. 'executions:' .. run, was[1] .. execution)
	if was[2] then
		for _, list in ipairs({ '*:*', was[2] .. ':*', '*:' .. was[3], was[2] .. ':' .. was[3] }) do
			redis.call('ZREM', prefix .. 'runs:' .. list, was[1] .. name)
		end
	end
	redis.call('DEL', place)
end
return { count, bytes, own, left }
