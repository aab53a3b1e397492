package definition

// What a workflow file may hold at most. A file may be hostile: each limit is checked before the work that it bounds.
const (
	MaxSize       = 8 << 20   // Bytes of the file.
	MaxMarks      = 1_500_000 // Commas, colons, opening brackets and breaks of lines: there are not many more values than these.
	MaxDepth      = 64        // Lists and mappings in one another, the file's own mapping included.
	MaxAliasNodes = 10_000    // Values made by aliases, all of them together.
	MaxAliasText  = 8 << 20   // Bytes of text in them.
	MaxTasks      = 20_000
	MaxText       = 1 << 20 // Bytes of one text.
	MaxDigits     = 1_000   // Characters of one number.
	MaxExponent   = 9_999   // Of a number, up or down.
)

// What the values of keys may be at most.
const (
	MaxParallel = 2_000     // Temporal lets one workflow have so many activities in flight.
	MaxAttempts = 1_000_000 // Of one task.
	MaxItems    = 500       // Of one task; as many as one history holds.
	MaxID       = 200       // Characters: Temporal takes 1,000 bytes, and item numbers are added.
)
