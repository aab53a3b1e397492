// Package runs is the life of a run, for everything that starts or shows one: Open, Start, Attach, Follow, Cancel, Resolve,
// List, Adopt, Known. It holds claims on runs, serves their task queues, and asks Temporal and the result store how they
// are. It prints nothing: what people should know goes out as a Notice.
package runs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/gleitzeit/gleitzeit/internal/config"
	"github.com/gleitzeit/gleitzeit/internal/encryption"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/open"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/sealed"
	"github.com/gleitzeit/gleitzeit/internal/scratch"
)

// Options are the options of a session.
type Options struct {
	Settings *config.Settings
	// Temporal may name another Temporal server than the home's engine.
	Temporal Connection
	Env      func(name string) (string, bool)
	Environ  func() []string
	Log      *slog.Logger
	// Notify receives notices. It must not block. It is called from several goroutines.
	Notify func(Notice)
}

// Connection names a Temporal server, as the temporal CLI's flags do. Empty fields are taken from its variables and
// profiles.
type Connection struct{ Address, Namespace, Profile string }

// Session is the home folder with its result store and, after Join, Connect or the like, a Temporal server.
type Session struct {
	Reader
	temporary *scratch.Folder // The home folder, where it is removed with the session; else nil.
}

// Open opens home and store, for a process that looks at what others do, or leaves something for them. The caller
// closes the session.
func Open(ctx context.Context, o Options) (*Session, error) {
	if err := o.Settings.RequirePersistentStore(); err != nil {
		return nil, err
	}
	return openAt(ctx, o, o.Settings.Home)
}

// OpenToShow is Open for a process that only shows what is recorded: a home that cannot be written to, because it is
// read-only or its disk is full, is enough for it.
func OpenToShow(ctx context.Context, o Options) (*Session, error) {
	s, failure := Open(ctx, o)
	if failure == nil || ctx.Err() != nil || o.Settings.InMemory() {
		return s, failure
	}
	folder, err := home.Look(o.Settings.Home)
	if err != nil {
		return nil, failure
	}
	s, err = newSession(ctx, o, folder, open.ReadOnly)
	if err != nil {
		return nil, failure
	}
	s.notify(Problem, "", "%s; showing what is recorded", protocol.AsError(failure, protocol.ConfigurationError).Message)
	return s, nil
}

// OpenEarlier is OpenToShow for a process that asks only whether there was an earlier run; nil where none can be recorded.
func OpenEarlier(ctx context.Context, o Options) (*Session, error) {
	if o.Settings.InMemory() {
		return nil, nil
	}
	if _, err := home.Look(o.Settings.Home); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return OpenToShow(ctx, o)
}

// OpenOwn is Open for a process that executes what it starts, and waits for it: results may then be kept in memory. Where
// they are, nobody can resume a run, and the engine's database, which refers to results, is of no use to anybody: it lies
// in a folder that is removed with the session.
func OpenOwn(ctx context.Context, o Options) (*Session, error) {
	if !o.Settings.InMemory() {
		return openAt(ctx, o, o.Settings.Home)
	}
	folder, err := scratch.New("home")
	if err != nil {
		return nil, protocol.Errorf(protocol.ConfigurationError, "cannot make a temporary folder: %s", err).WithHint("TMPDIR names where")
	}
	s, err := openAt(ctx, o, folder.Path)
	if err != nil {
		return nil, errors.Join(err, folder.Remove())
	}
	s.temporary = folder
	s.notify(InMemory, "", "results are kept in memory only: nothing of this run remains when the process ends")
	return s, nil
}

func openAt(ctx context.Context, o Options, folder string) (*Session, error) {
	opened, err := home.Open(folder)
	if err != nil {
		return nil, err
	}
	s, err := newSession(ctx, o, opened, open.Store)
	if err != nil {
		return nil, err
	}
	if adviser, is := s.store.(resultstore.Adviser); is {
		for _, advice := range adviser.Advice() {
			s.notify(Warning, "", "warning: %s", advice)
		}
	}
	return s, nil
}

// newSession opens the result store of a home, in one of the ways of the package open.
func newSession(ctx context.Context, o Options, folder *home.Home, openStore func(context.Context, string) (resultstore.Store, error)) (*Session, error) {
	keys, err := encryption.Read(o.Settings.KeyFile)
	if err != nil {
		return nil, err
	}
	inner, err := openStore(ctx, o.Settings.Store)
	if err != nil {
		return nil, err
	}
	store, err := sealed.Open(ctx, inner, keys)
	if err != nil {
		return nil, errors.Join(err, inner.Close())
	}
	return &Session{Reader: Reader{&connection{options: o, home: folder, store: store, keys: keys, log: o.Log}}}, nil
}

// Home returns the home folder.
func (s *Session) Home() *home.Home { return s.home }

// Settings returns the settings of the session.
func (s *Session) Settings() *config.Settings { return s.options.Settings }

// Store returns the result store.
func (s *Session) Store() resultstore.Store { return s.store }

// Log returns the log of what happens inside.
func (s *Session) Log() *slog.Logger { return s.log }

// ServerLog returns the log of internal messages of the Temporal server, SDKs and protocols: without GLEITZEIT_LOG_LEVEL, panics.
func (s *Session) ServerLog() *slog.Logger { return engineLog(s.log) }

// Close releases everything at once; the process is about to exit.
func (s *Session) Close() {
	if s.client != nil {
		s.client.Close()
	}
	if s.engine != nil {
		s.engine.Close()
	}
	if err := s.store.Close(); err != nil {
		s.log.Error("cannot close the result store", "error", err)
	}
	if s.temporary == nil {
		return
	}
	if err := s.temporary.Remove(); err != nil {
		s.log.Error("cannot remove the temporary home folder", "folder", s.temporary.Path, "error", err)
	}
}

// identity is the name of this process for Temporal.
func identity() string { return fmt.Sprintf("gleitzeit@%d", os.Getpid()) }

// ShownStore returns the URL of the result store without a password.
func (s *Session) ShownStore() string { return s.options.Settings.ShownStore() }
