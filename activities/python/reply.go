package python

import (
	"bufio"
	"encoding/json"
	"io"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// reply is what a script's process says of itself, at its end.
type reply struct {
	Result        value.Value `json:"result"`
	ExecutionTime value.Value `json:"execution_time"`
	Fault         string      `json:"fault"`
	Message       string      `json:"message"`
}

// end is how a script's process ended, after everything that it left behind.
type end struct {
	Status *int `json:"status"`
	Signal *int `json:"signal"`
}

// ended is what is left of a script.
type ended struct {
	script  *reply // Nil where its process did not come that far.
	broken  error  // Why what it said cannot be read.
	end     *end   // Nil where nobody saw it.
	stdout  capture
	stderr  capture
	limits  Limits
	subject string // "script" or "function".
}

// maxFrame bounds what a script can make this process hold; the runner refuses larger results itself.
const maxFrame = protocol.MaxValue + 1<<10

// readReply reads the one frame of a script: its size, a line feed, and JSON.
func (e *ended) readReply(from io.Reader) {
	in := bufio.NewReaderSize(from, 4<<10)
	foreign := protocol.Errorf(protocol.TaskExecutionFailed, "the script wrote to file descriptor 4, which is not its own")
	line, err := in.ReadSlice('\n')
	if err != nil {
		if len(line) > 0 {
			e.broken = foreign
		}
		return // Its process did not come that far.
	}
	size, err := strconv.Atoi(strings.TrimSuffix(string(line), "\n"))
	if err != nil || size < 0 || size > maxFrame {
		e.broken = foreign
		return
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(in, data); err != nil {
		return
	}
	said := &reply{}
	if err := json.Unmarshal(data, said); err != nil {
		e.broken = foreign
		return
	}
	e.script = said
}
