package python

import (
	"bytes"
	"os"
	"strconv"
	"sync"
	"time"
)

// counted keeps the last count of processes: a count reads a file of every process of the machine.
var counted struct {
	sync.Mutex
	at    time.Time
	value int64
}

// processesOfUser is how many processes and threads this user has: the system's limit counts them all, whoever has
// started them. It is not older than 10 s.
func processesOfUser() int64 {
	counted.Lock()
	defer counted.Unlock()
	if now := time.Now(); counted.at.IsZero() || now.Sub(counted.at) > 10*time.Second {
		counted.at, counted.value = now, countProcesses(os.Getuid())
	}
	return counted.value
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
			continue // It has ended meanwhile.
		}
		if owner, known := number(status, "\nUid:"); known && owner == int64(user) {
			threads, _ := number(status, "\nThreads:")
			count += threads
		}
	}
	return count
}

// number is the first number behind a word.
func number(text []byte, word string) (int64, bool) {
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
