package mcpserver

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/mcptask"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

const (
	// maxMessage is the maximum length of a message in bytes.
	maxMessage = mcp.DefaultMaxLineLength
	// maxID is where numbers begin that floats, and so the SDK, do not tell apart.
	maxID          = 1 << 53
	methodCallTool = "tools/call"
	// answerTimeout is how long a server whose input has ended completes calls that do not wait for a run.
	answerTimeout = 30 * time.Second
)

// lineTransport is a transport over streams on which each message is a line. A line that is not a message is answered with an
// error and reported, and the next one is read: the SDK's own transport ends with the first of them. The session ends with
// the input, after the calls that have been read were answered.
type lineTransport struct {
	in     io.Reader
	out    io.Writer
	calls  *openCalls
	report func(text string)
}

// Connect implements mcp.Transport.
func (t *lineTransport) Connect(context.Context) (mcp.Connection, error) {
	c := &lineConnection{lineTransport: t, lines: make(chan inputLine), closed: make(chan struct{})}
	go c.readLines()
	return c, nil
}

// lineConnection is the connection of a lineTransport.
type lineConnection struct {
	*lineTransport
	lines chan inputLine
	queue []jsonrpc.Message // Of a batch that has been read.

	writing   sync.Mutex
	closed    chan struct{}
	closeOnce sync.Once
}

// inputLine is a line of the input, or the error that ended the input.
type inputLine struct {
	text []byte
	err  error
}

// errTooLong is the error of a line with more than maxMessage bytes.
var errTooLong = errors.New("too long")

// readLines reads lines until the input ends or the connection is closed. It has a goroutine of its own, because a read from
// a terminal or a pipe cannot be interrupted.
func (c *lineConnection) readLines() {
	reader := bufio.NewReaderSize(c.in, 64<<10)
	for {
		text, err := readLine(reader)
		select {
		case c.lines <- inputLine{text, err}:
		case <-c.closed:
			return
		}
		if err != nil && !errors.Is(err, errTooLong) {
			return
		}
	}
}

// readLine reads a line, which may end with the input. The rest of a line that is too long is discarded, and the beginning is
// returned with errTooLong.
func readLine(reader *bufio.Reader) ([]byte, error) {
	var line []byte
	tooLong := false
	for {
		part, err := reader.ReadSlice('\n')
		if tooLong = tooLong || len(line)+len(part) > maxMessage+1; !tooLong {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case tooLong:
			return line[:min(len(line), shownBytes+1)], errTooLong
		case err != nil && (len(line) == 0 || !errors.Is(err, io.EOF)):
			return nil, err
		}
		return line, nil
	}
}

// Read implements mcp.Connection.
func (c *lineConnection) Read(ctx context.Context) (jsonrpc.Message, error) {
	for len(c.queue) == 0 {
		var line inputLine
		select {
		case line = <-c.lines:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-c.closed:
			return nil, io.EOF
		}
		if line.err != nil && !errors.Is(line.err, errTooLong) {
			c.calls.answered(ctx, c.closed)
			return nil, line.err
		}
		messages, invalid := parseLine(line)
		if invalid != nil {
			if err := c.reject(line.text, invalid); err != nil {
				return nil, err
			}
		}
		c.queue = messages
	}
	next := c.queue[0]
	c.queue = c.queue[1:]
	if request, is := next.(*jsonrpc.Request); is && request.IsCall() {
		if request.Method == methodCallTool {
			request.Params = mcptask.KeepInCall(request.Params)
		}
		c.calls.read(request.ID)
	}
	return next, nil
}

// Write implements mcp.Connection.
func (c *lineConnection) Write(ctx context.Context, message jsonrpc.Message) error {
	if response, is := message.(*jsonrpc.Response); is {
		defer c.calls.written(response.ID)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	encoded, err := jsonrpc.EncodeMessage(message)
	if err != nil {
		return fmt.Errorf("cannot encode a message: %w", err)
	}
	return c.writeLine(encoded)
}

func (c *lineConnection) writeLine(line []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	_, err := c.out.Write(append(line, '\n'))
	return err
}

// Close implements mcp.Connection. The streams stay open, because others use them too.
func (c *lineConnection) Close() error {
	c.closeOnce.Do(func() { close(c.closed) })
	return nil
}

// SessionID implements mcp.Connection.
func (c *lineConnection) SessionID() string { return "" }

// invalidLine says why a line is not a message.
type invalidLine struct {
	code    int64
	id      json.RawMessage // Of the request; null if it is not known.
	message string
}

// parseLine returns the messages of a line: none of an empty line, and several of a batch, which are answered one by one.
func parseLine(line inputLine) ([]jsonrpc.Message, *invalidLine) {
	text := bytes.TrimSpace(bytes.TrimPrefix(line.text, []byte("\ufeff"))) // A byte order mark is what some shells begin a pipe with.
	if line.err != nil {
		return nil, &invalidLine{jsonrpc.CodeInvalidRequest, nil, fmt.Sprintf("the message is longer than %d bytes", maxMessage)}
	}
	if len(text) == 0 {
		return nil, nil
	}
	var parsed json.RawMessage
	if err := json.Unmarshal(text, &parsed); err != nil {
		return nil, &invalidLine{jsonrpc.CodeParseError, nil, "the line is not JSON: " + err.Error()}
	}
	if text[0] != '[' {
		message, invalid := parseMessage(text)
		if invalid != nil {
			return nil, invalid
		}
		return []jsonrpc.Message{message}, nil
	}
	var batch []json.RawMessage
	if err := json.Unmarshal(text, &batch); err != nil || len(batch) == 0 {
		return nil, &invalidLine{jsonrpc.CodeInvalidRequest, nil, "the batch is empty"}
	}
	var messages []jsonrpc.Message
	for _, one := range batch {
		message, invalid := parseMessage(one)
		if invalid != nil {
			invalid.id = nil // The error is that of the whole batch.
			return nil, invalid
		}
		messages = append(messages, message)
	}
	return messages, nil
}

func parseMessage(text []byte) (jsonrpc.Message, *invalidLine) {
	var request struct{ ID, Method json.RawMessage }
	message, err := jsonrpc.DecodeMessage(text)
	response, is := message.(*jsonrpc.Response)
	if err == nil && !(is && response.Result == nil && response.Error == nil) {
		// The SDK changes an id that is not a whole number, and takes a call whose id is null for a notification.
		if err := json.Unmarshal(text, &request); err != nil || is || keepsID(request.ID) {
			return message, nil
		}
		invalid := &invalidLine{jsonrpc.CodeInvalidRequest, request.ID, "the id of a request must be a string or a whole number below 2^53"}
		return nil, invalid
	}
	// The error names types of the SDK.
	invalid := &invalidLine{jsonrpc.CodeInvalidRequest, nil, "the line is not a JSON-RPC 2.0 message"}
	// Without a method the id may be that of a request of the server, of which the error would be the answer.
	if json.Unmarshal(text, &request) == nil && request.Method != nil && len(request.ID) > 0 && bytes.IndexByte([]byte(`"-0123456789`), request.ID[0]) >= 0 {
		invalid.id = request.ID
	}
	return nil, invalid
}

// keepsID reports whether the answer to a request can have its id.
func keepsID(id json.RawMessage) bool {
	if len(id) == 0 {
		return true // A notification.
	}
	var decoded any
	if err := json.Unmarshal(id, &decoded); err != nil {
		return false
	}
	number, is := decoded.(float64)
	return decoded != nil && (!is || number == math.Trunc(number) && math.Abs(number) < maxID)
}

// shownBytes is how much of an invalid line is reported.
const shownBytes = 60

// reject answers a line that is not a message with an error.
func (c *lineConnection) reject(line []byte, invalid *invalidLine) error {
	type rpcError struct {
		Code    int64  `json:"code"`
		Message string `json:"message"`
	}
	line = bytes.TrimSpace(line)
	shown, more := line, ""
	if len(shown) > shownBytes {
		shown, more = shown[:shownBytes], "…"
	}
	c.report(fmt.Sprintf("ignored a line of standard input: %s: %s%s", invalid.message, strconv.Quote(string(shown)), more))
	encoded, err := json.Marshal(struct {
		Version string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Error   rpcError        `json:"error"`
	}{"2.0", invalid.id, rpcError{invalid.code, invalid.message}})
	if err != nil {
		return fmt.Errorf("cannot encode an error: %w", err)
	}
	return c.writeLine(encoded)
}

// openCalls are the calls of a client that have not been answered.
type openCalls struct {
	mu      sync.Mutex
	ids     map[jsonrpc.ID]bool
	waiting int           // Number of those that wait for the end of a run.
	changed chan struct{} // Closed at the next change.
}

func newOpenCalls() *openCalls {
	return &openCalls{ids: map[jsonrpc.ID]bool{}, changed: make(chan struct{})}
}

func (o *openCalls) change(by func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	by()
	close(o.changed)
	o.changed = make(chan struct{})
}

func (o *openCalls) read(id jsonrpc.ID)    { o.change(func() { o.ids[id] = true }) }
func (o *openCalls) written(id jsonrpc.ID) { o.change(func() { delete(o.ids, id) }) }

// wait records that a call waits for the end of a run, until done is called.
func (o *openCalls) wait() (done func()) {
	o.change(func() { o.waiting++ })
	return func() { o.change(func() { o.waiting-- }) }
}

// answered waits until every call has been answered that does not wait for the end of a run, answerTimeout has passed, or ctx
// or closed ends.
func (o *openCalls) answered(ctx context.Context, closed <-chan struct{}) {
	ctx, done := context.WithTimeout(ctx, answerTimeout)
	defer done()
	for {
		o.mu.Lock()
		all, changed := len(o.ids) <= o.waiting, o.changed
		o.mu.Unlock()
		if all {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		case <-closed:
			return
		}
	}
}
