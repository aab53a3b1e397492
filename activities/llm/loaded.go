package llm

import (
	"context"
	"slices"
	"strings"
	"time"
)

// lookLater serves again when somebody has waited long enough.
func (p *pool) lookLater(after time.Duration) {
	if after <= 0 {
		return
	}
	if p.again != nil {
		p.again.Stop()
	}
	p.again = time.AfterFunc(after, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.dispatch()
	})
}

// lookAround asks servers which models are in memory, where somebody waits for another one.
func (p *pool) lookAround() {
	now := p.now()
	for _, m := range p.members {
		if m.silent || m.looking || now.Sub(m.looked) < lookAgain ||
			!slices.ContainsFunc(p.waiting, func(w *waiter) bool { return !m.loaded[w.model] }) {
			continue
		}
		m.looking = true
		go func() {
			ctx, done := context.WithTimeout(context.Background(), loadedWithin)
			defer done()
			models, known := m.backend.loaded(ctx)
			p.mu.Lock()
			defer p.mu.Unlock()
			m.looking, m.looked = false, p.now()
			if known {
				m.saw(models)
			}
			p.dispatch()
		}()
	}
}

// saw takes account of what a server has in memory. As long as it lacks the newest, that one is being brought in, and what
// is there is about to go.
func (m *member) saw(models []string) {
	names := map[string]bool{}
	for _, name := range models {
		names[tagged(name)] = true
	}
	if m.newest != "" && m.inFlight > 0 && !names[m.newest] {
		return
	}
	m.loaded = names
}

// tagged is a model's name as Ollama lists it.
func tagged(model string) string {
	if name := model[strings.LastIndexByte(model, '/')+1:]; strings.Contains(name, ":") {
		return model
	}
	return model + ":latest"
}
