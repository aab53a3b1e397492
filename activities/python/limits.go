package python

import (
	"runtime"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Limits are what a script may use; the system enforces them for each of its processes. Zero means the default, and NoLimit
// no limit. The task's timeout limits the wall clock time.
type Limits struct {
	Memory    int64         // Bytes of address space.
	CPU       time.Duration // CPU time; default: the timeout of the attempt times the number of processors.
	FileSize  int64         // Bytes of each file that a script writes.
	OpenFiles int64
	Processes int64 // Processes and threads, in addition to those that the user had when the interpreter started. Not enforced for root without a sandbox.
	Output    int64 // Bytes kept of stdout, and of stderr.
	Temp      int64 // Bytes of TMPDIR in a sandbox, where it is in memory; NoLimit: on the disk.
}

// NoLimit disables a limit.
const NoLimit = -1

// The default limits.
const (
	DefaultMemory    = 4 << 30
	DefaultFileSize  = 10 << 30
	DefaultOpenFiles = 1024
	DefaultProcesses = 512
	DefaultOutput    = 1 << 20
	DefaultTemp      = 1 << 30
)

func (l Limits) withDefaults() Limits {
	for _, limit := range []struct {
		value    *int64
		fallback int64
	}{
		{&l.Memory, DefaultMemory}, {&l.FileSize, DefaultFileSize}, {&l.OpenFiles, DefaultOpenFiles},
		{&l.Processes, DefaultProcesses}, {&l.Output, DefaultOutput}, {&l.Temp, DefaultTemp},
	} {
		if *limit.value == 0 {
			*limit.value = limit.fallback
		}
	}
	return l
}

// forAttempt returns the limits of one attempt.
func (l Limits) forAttempt(request protocol.Request) Limits {
	if l.CPU == 0 && request.Timeout > 0 {
		l.CPU = max(request.Timeout, time.Second) * time.Duration(runtime.NumCPU())
	}
	return l
}

// encode returns the limits for the runner, without disabled ones.
func (l Limits) encode() value.Value {
	fields := []value.Field{}
	for _, limit := range []struct {
		name string
		most int64
	}{
		{"memory", l.Memory}, {"cpu", int64((l.CPU + time.Second - 1) / time.Second)}, {"file_size", l.FileSize}, {"open_files", l.OpenFiles},
	} {
		if limit.most > 0 {
			fields = append(fields, value.Field{Name: limit.name, Value: value.Int(limit.most)})
		}
	}
	if l.Processes > 0 {
		if others := userProcesses(); others > 0 {
			fields = append(fields, value.Field{Name: "processes", Value: value.Int(l.Processes + others)})
		}
	}
	return value.Object(fields...)
}
