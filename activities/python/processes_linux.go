package python

import (
	"bytes"
	"os"
	"strconv"
	"sync"
	"time"
)

// processCount caches the number of processes, because counting reads a file of every process of the machine.
var processCount struct {
	sync.Mutex
	at    time.Time
	value int64
}

// userProcesses returns the number of processes and threads of this user, at most 10 s old. The system's limit counts all of
// them, no matter which process started them.
func userProcesses() int64 {
	processCount.Lock()
	defer processCount.Unlock()
	if now := time.Now(); processCount.at.IsZero() || now.Sub(processCount.at) > 10*time.Second {
		processCount.at, processCount.value = now, countProcesses(os.Getuid())
	}
	return processCount.value
}

func countProcesses(user int) (count int64) {
	folders, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	for _, folder := range folders {
		if _, err := strconv.Atoi(folder.Name()); err != nil {
			continue
		}
		status, err := os.ReadFile("/proc/" + folder.Name() + "/status")
		if err != nil {
			continue // The process has ended.
		}
		if owner, known := numberAfter(status, "\nUid:"); known && owner == int64(user) {
			threads, _ := numberAfter(status, "\nThreads:")
			count += threads
		}
	}
	return count
}

// numberAfter returns the first number after a word.
func numberAfter(text []byte, word string) (int64, bool) {
	_, rest, found := bytes.Cut(text, []byte(word))
	if !found {
		return 0, false
	}
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		return 0, false
	}
	value, err := strconv.ParseInt(string(fields[0]), 10, 64)
	return value, err == nil
}
