package activities

import (
	"strings"
	"sync"
)

// maxTail is how much of an answer that is being written a heartbeat carries, in bytes.
const maxTail = 4 << 10

// written takes an answer as it comes and passes it on to the heartbeats. What may be the beginning of a secret waits until
// more has come.
type written struct {
	beat    *heartbeat
	secrets *secrets

	mu   sync.Mutex
	held string
}

func (w *written) add(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = w.secrets.inText(w.held + text)
	keep := w.secrets.begun(w.held)
	if at := len(w.held) - keep; at > 0 {
		w.beat.write(w.held[:at])
		w.held = w.held[at:]
	}
}

// end passes on what was held back: no secret has come of it.
func (w *written) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held != "" {
		w.beat.write(w.held)
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
