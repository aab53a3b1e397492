-- Puts a batch. ARGV: prefix, schema, time in milliseconds, number of values; hash and content of each; then eight of each record.
local prefix, schema, now, values = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local nowhere = '0' .. string.rep('0', 16)
local at = 5

redis.call('SET', prefix .. 'schema', schema)
for _ = 1, values do
	redis.call('SET', prefix .. 'value:' .. ARGV[at], ARGV[at + 1], 'NX')
	-- Also of a value that exists: it must not be removed any more. Clocks of clients differ.
	local last = redis.call('ZSCORE', prefix .. 'valuetimes', ARGV[at])
	if not last or tonumber(last) < now then
		redis.call('ZADD', prefix .. 'valuetimes', now, ARGV[at])
	end
	at = at + 2
end

-- Every filter that a run with this workflow and status passes.
local function lists(workflow, status)
	return {
		prefix .. 'runs:*:*', prefix .. 'runs:' .. workflow .. ':*',
		prefix .. 'runs:*:' .. status, prefix .. 'runs:' .. workflow .. ':' .. status,
	}
end

while at <= #ARGV do
	local run, execution, field, kind, started, workflow, status, body = unpack(ARGV, at, at + 7)
	at = at + 8
	local name = run .. ':' .. execution
	local place, executions = prefix .. 'place:' .. name, prefix .. 'executions:' .. run
	redis.call('HSET', prefix .. 'records:' .. name, field, body)
	redis.call('ZADD', prefix .. 'order:' .. name, 0, field)
	local put = string.format('%016x', redis.call('INCR', prefix .. 'puts'))
	local was = redis.call('HMGET', place, 'position', 'workflow', 'status')
	local isRun = kind == 'run'
	-- Records of tasks move an execution only until its run is recorded.
	if isRun or not was[2] then
		local position = (isRun and '1' .. started or nowhere) .. put
		if was[1] then
			redis.call('ZREM', executions, was[1] .. execution)
		end
		redis.call('ZADD', executions, 0, position .. execution)
		redis.call('HSET', place, 'position', position)
		if was[2] then
			for _, list in ipairs(lists(was[2], was[3])) do
				redis.call('ZREM', list, was[1] .. name)
			end
		end
		if isRun then
			for _, list in ipairs(lists(workflow, status)) do
				redis.call('ZADD', list, 0, position .. name)
			end
			redis.call('HSET', place, 'workflow', workflow, 'status', status)
		end
	end
end
return redis.status_reply('OK')
