package activities

import (
	"context"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"go.temporal.io/sdk/activity"

	"github.com/gleitzeit/gleitzeit/activities/calllog"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

const (
	// beatsPerTimeout is how many heartbeats a task in flight sends within the heartbeat timeout, at least. Their answers
	// tell whether it was cancelled.
	beatsPerTimeout = 5
	// updatesPerTimeout is how many of them it sends at most while there is something new: with the engine inside, 4 a
	// second; fewer to a Temporal server elsewhere, where they cost more.
	updatesPerTimeout = 20
	// maxTail is how much of an answer that is being written a heartbeat has, and of each stream of a script, in bytes.
	maxTail = 4 << 10
	// maxLine is how much of the newest line of a script a heartbeat has, in bytes.
	maxLine = 200
)

// heartbeat reports to Temporal, as long as it runs, that a task is alive and how far it has come.
type heartbeat struct {
	mu      sync.Mutex
	state   protocol.Heartbeat
	changed bool // Since the last heartbeat.
	isItem  bool // The call is for an item: nobody follows the text of so many.
	stdout  protocol.PrintedTail
	stderr  protocol.PrintedTail
	end     context.CancelFunc
	ended   sync.WaitGroup
}

func startHeartbeat(ctx context.Context, call *protocol.Call) *heartbeat {
	b := &heartbeat{isItem: call.Item != nil || call.Items != nil}
	var own context.Context
	own, b.end = context.WithCancel(context.WithoutCancel(ctx)) // A cancelled call may take some time to end.
	if info := activity.GetInfo(ctx); info.HeartbeatTimeout > 0 {
		b.ended.Go(func() { b.send(own, ctx, info) })
	}
	return b
}

// send sends heartbeats until own is done, as often as the timeout needs, and sooner if something is new. It does not use the
// SDK's own heartbeats: a failure of one of those ends the task, which on a slow machine would end healthy work. They are
// used after one of these has failed: then the task was cancelled, or given up.
func (b *heartbeat) send(own, task context.Context, info activity.Info) {
	pace := info.HeartbeatTimeout / beatsPerTimeout
	if !b.isItem {
		pace = info.HeartbeatTimeout / updatesPerTimeout
	}
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-own.Done():
			return
		case <-ticker.C:
		}
		if !b.takeChange() && time.Since(last) < info.HeartbeatTimeout/beatsPerTimeout-pace/2 {
			continue
		}
		if err := b.record(own, info); err != nil && own.Err() == nil {
			activity.GetLogger(task).Debug("a heartbeat has failed", "error", err)
			activity.RecordHeartbeat(task, b.current())
		}
		last = time.Now()
	}
}

func (b *heartbeat) record(ctx context.Context, info activity.Info) error {
	ctx, done := context.WithTimeout(ctx, info.HeartbeatTimeout)
	defer done()
	return activity.GetClient(ctx).RecordActivityHeartbeat(ctx, info.TaskToken, b.current())
}

// report sets the message of the next heartbeat.
func (b *heartbeat) report(message string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state.Message, b.changed = message, true
}

// write adds text of the answer to the next heartbeat.
func (b *heartbeat) write(text string) {
	if b.isItem {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changed = true
	b.state.Written += len(text)
	b.state.Tail = lastBytes(b.state.Tail+text, maxTail)
}

// lastBytes returns the end of a text, without a part of a character.
func lastBytes(text string, limit int) string {
	if len(text) > limit {
		text = text[len(text)-limit:]
		for !utf8.RuneStart(text[0]) {
			text = text[1:]
		}
	}
	return text
}

// print adds text of a script to the next heartbeat: to that of its standard error, or else of its standard output.
func (b *heartbeat) print(text string, stderr bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changed = true
	stream := &b.stdout
	if stderr {
		stream = &b.stderr
	}
	stream.Written, stream.At = stream.Written+len(text), time.Now().UTC()
	stream.Tail = lastBytes(stream.Tail+text, maxTail)
	if line := strings.TrimSpace(stream.Tail); line != "" {
		line = line[strings.LastIndexByte(line, '\n')+1:]
		b.state.Line = strings.ToValidUTF8(line[:min(len(line), maxLine)], "")
	}
}

// printed returns the end of what the script has printed so far.
func (b *heartbeat) printed() protocol.Printed {
	b.mu.Lock()
	defer b.mu.Unlock()
	return protocol.Printed{Output: b.stdout.Tail, Stderr: b.stderr.Tail}
}

func (b *heartbeat) current() protocol.Heartbeat {
	b.mu.Lock()
	defer b.mu.Unlock()
	state := b.state
	if b.isItem {
		return state
	}
	for _, stream := range []struct {
		of protocol.PrintedTail
		to **protocol.PrintedTail
	}{{b.stdout, &state.Stdout}, {b.stderr, &state.Stderr}} {
		if stream.of.Written > 0 {
			*stream.to = &stream.of
		}
	}
	return state
}

// takeChange reports whether something has changed since it was last called.
func (b *heartbeat) takeChange() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	changed := b.changed
	b.changed = false
	return changed
}

func (b *heartbeat) stop() {
	b.end()
	b.ended.Wait()
}

// answer passes the text of an answer, or of a stream of a script, on to the heartbeats as it comes. It holds back what may be
// the beginning of a secret until more has come.
type answer struct {
	pass    func(text string)
	secrets *secrets

	mu   sync.Mutex
	held string
}

func (w *answer) write(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	clean, rest := w.secrets.set.Split(w.held + text)
	if w.held = rest; clean != "" {
		w.pass(clean)
	}
}

// end passes on what was held back, if the answer is complete: it did not become a secret. That of an answer which broke off
// may be half of one.
func (w *answer) end(complete bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held != "" && complete {
		w.pass(w.secrets.set.String(w.held))
		w.held = ""
	}
}

// following passes on what a call writes while it runs. Each stream holds back a secret of its own.
type following struct{ answer, stdout, stderr answer }

func follow(beat *heartbeat, log *calllog.Log, secrets *secrets) *following {
	printed := func(text string, stderr bool) {
		beat.print(text, stderr)
		log.Print(text, stderr)
	}
	return &following{
		answer: answer{pass: beat.write, secrets: secrets},
		stdout: answer{pass: func(text string) { printed(text, false) }, secrets: secrets},
		stderr: answer{pass: func(text string) { printed(text, true) }, secrets: secrets},
	}
}

func (f *following) print(text string, stderr bool) {
	if stderr {
		f.stderr.write(text)
	} else {
		f.stdout.write(text)
	}
}

func (f *following) end(complete bool) {
	for _, of := range []*answer{&f.answer, &f.stdout, &f.stderr} {
		of.end(complete)
	}
}
