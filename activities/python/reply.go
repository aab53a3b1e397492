package python

import (
	"bufio"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// replies are what came back on the pipe of that name. They may be read while they come.
type replies struct {
	mu     sync.Mutex
	script *reply // What the script's process said, where it came that far.
	pid    int    // Of the script's process; its group has the same number.
	end    *reply // How the script's process ended, after everything that it left behind.
	broken error  // Why no more could be read, unless it is the pipe's end.
}

// reply is one frame. The supervisor says pid, and then status or signal; the script's process says the rest.
type reply struct {
	PID           *int           `json:"pid"`
	Status        *int           `json:"status"`
	Signal        *int           `json:"signal"`
	Result        protocol.Value `json:"result"`
	ExecutionTime protocol.Value `json:"execution_time"`
	Fault         string         `json:"fault"`
	Message       string         `json:"message"`
}

// maxFrame bounds what a script can make this process hold; the runner refuses larger results itself.
const maxFrame = protocol.MaxValue + 1<<10

// read takes frames until the supervisor says how the script ended, or nothing comes any more.
func (r *replies) read(from io.Reader) {
	in := bufio.NewReader(from)
	for {
		next, err := readFrame(in)
		r.mu.Lock()
		switch {
		case err != nil:
			r.broken = err
		case next.PID != nil:
			r.pid = *next.PID
		case next.Status != nil || next.Signal != nil:
			r.end = next
		default:
			r.script = next
		}
		done := r.end != nil || r.broken != nil
		r.mu.Unlock()
		if done {
			return
		}
	}
}

func readFrame(in *bufio.Reader) (*reply, error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	size, err := strconv.Atoi(strings.TrimSuffix(string(line), "\n"))
	if err != nil || size < 0 || size > maxFrame {
		return nil, protocol.Errorf(protocol.TaskExecutionFailed, "the script wrote to file descriptor 4, which is not its own")
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(in, data); err != nil {
		return nil, err
	}
	next := &reply{}
	if err := json.Unmarshal(data, next); err != nil {
		return nil, protocol.Errorf(protocol.TaskExecutionFailed, "the script wrote to file descriptor 4, which is not its own")
	}
	return next, nil
}

// orphan returns the process of a script whose supervisor has not said that it ended; 0 if there is none.
func (r *replies) orphan() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.end != nil {
		return 0
	}
	return r.pid
}
