package cli

import (
	"context"
	"errors"
	"os"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/config"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// settings loads them and says what was written in vain.
func (p *program) settings() (*config.Settings, error) {
	settings, err := config.Load(p.options())
	if err != nil {
		return nil, err
	}
	for _, warning := range settings.Warnings {
		p.say("warning: %s", warning)
	}
	return settings, nil
}

func (p *program) options() config.Options {
	return config.Options{Env: p.Env, Home: p.home, Providers: llm.Providers()}
}

// advise says what the store's operator should change.
func (p *program) advise(store resultstore.Store) {
	adviser, is := store.(resultstore.Adviser)
	if !is {
		return
	}
	for _, advice := range adviser.Advice() {
		p.say("warning: %s", advice)
	}
}

// openOwnSession is openSession for a command that does itself what it starts, and waits for it: results may then be
// kept in memory. Where they are, nobody can go on with a run, and the engine's database, which refers to results, is of
// no use to anybody: it lies in a folder that goes with the session.
func (p *program) openOwnSession(ctx context.Context) (*session, error) {
	settings, err := p.settings()
	if err != nil {
		return nil, err
	}
	if !settings.InMemory() {
		return p.openAt(ctx, settings, settings.Home)
	}
	folder, err := os.MkdirTemp("", "gleitzeit-")
	if err != nil {
		return nil, protocol.Errorf(protocol.ConfigurationError, "no temporary folder can be made: %s", err).WithHint("TMPDIR names where")
	}
	s, err := p.openAt(ctx, settings, folder)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	s.passing = folder
	p.say("results are kept in memory alone: nothing of this run is left when the process ends")
	return s, nil
}

// vanish removes a home that goes with the session.
func (s *session) vanish() {
	if s.passing == "" {
		return
	}
	if err := os.RemoveAll(s.passing); err != nil {
		s.log.Error("the temporary home folder stays", "folder", s.passing, "error", err)
	}
}
