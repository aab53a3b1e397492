package activities

import (
	"context"
	"strings"
	"sync"
	"unicode/utf8"

	"go.temporal.io/sdk/activity"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// maxTail is how much of an answer that is being written a heartbeat carries, in bytes.
const maxTail = 4 << 10

// written takes an answer as it comes and passes it on: to whoever listens in this process, and to the heartbeats. What
// may be the beginning of a secret waits until more has come.
type written struct {
	pass    func(text string)
	secrets *secrets

	mu   sync.Mutex
	held string
}

// listen begins the answer of one attempt.
func (a *Activities) listen(ctx context.Context, call *protocol.Call, beat *heartbeat, secrets *secrets) *written {
	said := protocol.Written{Run: call.Run.ID, Task: call.Task, Item: call.Item, Attempt: int(activity.GetInfo(ctx).Attempt)}
	return &written{secrets: secrets, pass: func(text string) {
		beat.write(text)
		said.Text = text
		a.write(said)
	}}
}

func (w *written) add(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = w.secrets.inText(w.held + text)
	keep := w.secrets.begun(w.held)
	if at := len(w.held) - keep; at > 0 {
		w.pass(w.held[:at])
		w.held = w.held[at:]
	}
}

// end passes on what was held back: no secret has come of it.
func (w *written) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held != "" {
		w.pass(w.held)
		w.held = ""
	}
}

// begun is how many bytes at the end of a text may be the beginning of a secret.
func (s *secrets) begun(text string) int {
	most := 0
	for _, r := range s.replacements {
		for length := min(len(r.value)-1, len(text)); length > most; length-- {
			if strings.HasSuffix(text, r.value[:length]) {
				most = length
				break
			}
		}
	}
	return most
}

// write adds to what the next heartbeat carries.
func (b *heartbeat) write(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.beat.Written += len(text)
	tail := b.beat.Tail + text
	if len(tail) > maxTail {
		tail = tail[len(tail)-maxTail:]
		for !utf8.RuneStart(tail[0]) {
			tail = tail[1:]
		}
	}
	b.beat.Tail = tail
}
