-- Removes values that were last put before a time. ARGV: prefix, time in milliseconds, hashes. Returns how many and their bytes.
local prefix, before = ARGV[1], tonumber(ARGV[2])
local times = prefix .. 'valuetimes'
local count, bytes = 0, 0
for i = 3, #ARGV do
	local last = redis.call('ZSCORE', times, ARGV[i])
	if last and tonumber(last) < before then
		bytes = bytes + redis.call('STRLEN', prefix .. 'value:' .. ARGV[i])
		count = count + redis.call('UNLINK', prefix .. 'value:' .. ARGV[i])
		redis.call('ZREM', times, ARGV[i])
	end
end
return { count, bytes }
