package open_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/redistest"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/open"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/redis"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/sqlite"
)

func TestSchemes(t *testing.T) {
	server := redistest.Start(t)
	path := filepath.Join(t.TempDir(), "with: colon", "results.db")
	for url, fits := range map[string]func(resultstore.Store) bool{
		"sqlite:" + path:            func(s resultstore.Store) bool { _, is := s.(*sqlite.Store); return is },
		"redis://" + server.Address: func(s resultstore.Store) bool { _, is := s.(*redis.Store); return is },
		"memory:":                   func(s resultstore.Store) bool { _, is := s.(*memory.Store); return is },
	} {
		store, err := open.Store(t.Context(), url)
		if err != nil {
			t.Fatalf("%s: %v", url, err)
		}
		if !fits(store) {
			t.Errorf("%s opened a %T", url, store)
		}
		if err := store.Close(); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct{ url, want string }{
		{"postgres://user:secret@host/0", `unknown kind of result store "postgres" (write one of sqlite:PATH, redis://[user:password@]host[:port][/database], rediss://… (with TLS), memory:)`},
		{"results.db", `the result store "results.db" is not a URL (write one of sqlite:PATH, redis://[user:password@]host[:port][/database], rediss://… (with TLS), memory:)`},
		{"sqlite", `the result store "sqlite" is not a URL (write one of sqlite:PATH, redis://[user:password@]host[:port][/database], rediss://… (with TLS), memory:)`},
		{"", `the result store "" is not a URL (write one of sqlite:PATH, redis://[user:password@]host[:port][/database], rediss://… (with TLS), memory:)`},
		{"sqlite:", `the result store "sqlite:" has no path (write sqlite:PATH)`},
		{"memory:x", `the result store "memory:" must have nothing after the colon (write memory:)`},
	} {
		store, err := open.Store(t.Context(), c.url)
		known, ok := errors.AsType[*protocol.Error](err)
		if !ok || known.Code != protocol.ConfigurationError || known.Error() != c.want || store != nil {
			t.Errorf("%q: %v, %v; want %s", c.url, store, err, c.want)
		}
	}
}

func TestWhatTheAdapterSays(t *testing.T) {
	_, err := open.Store(t.Context(), "rediss://:secret@host/x")
	if known, ok := errors.AsType[*protocol.Error](err); !ok || known.Message != `the database of the Redis server must be a number, not "x"` {
		t.Errorf("a database of no number: %v", err)
	}
	store, err := open.Store(t.Context(), "sqlite:"+t.TempDir()) // A folder.
	if known, ok := errors.AsType[*protocol.Error](err); !ok || known.Code != protocol.PersistenceFailed || store != nil {
		t.Errorf("a folder as a file: %v, %v", store, err)
	}
}
