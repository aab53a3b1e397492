// Package open opens the result store of a URL. It knows every store, so that the contract need not.
package open

import (
	"context"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/redis"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/sqlite"
)

// adapter opens one kind of store.
type adapter struct {
	scheme string
	form   string                                                            // As people write it.
	open   func(ctx context.Context, rest string) (resultstore.Store, error) // Opens what follows the colon of the scheme.
}

// adapters lists all kinds of stores.
func adapters() []adapter {
	return []adapter{
		{"sqlite", "sqlite:PATH", openSQLite},
		{"redis", "redis://[user:password@]host[:port][/database]", openRedis("redis")},
		{"rediss", "rediss://… (with TLS)", openRedis("rediss")},
		{"memory", "memory:", openMemory},
	}
}

// Store opens the store of the URL: sqlite:PATH, redis://…, rediss://… or memory:. The error of any other URL lists these.
func Store(ctx context.Context, url string) (resultstore.Store, error) {
	scheme, rest, isURL := strings.Cut(url, ":")
	var forms []string
	for _, a := range adapters() {
		if isURL && a.scheme == scheme {
			return a.open(ctx, rest)
		}
		forms = append(forms, a.form)
	}
	// What follows the scheme may hold a password.
	failure := protocol.Errorf(protocol.ConfigurationError, "unknown kind of result store %q", scheme)
	if !isURL {
		failure = protocol.Errorf(protocol.ConfigurationError, "the result store %q is not a URL", url)
	}
	return nil, failure.WithHint("write one of %s", strings.Join(forms, ", "))
}

// ReadOnly opens the store of the URL for reading only, where the kind of store makes a difference: a SQLite file on a full or
// read-only disk.
func ReadOnly(ctx context.Context, url string) (resultstore.Store, error) {
	path, is := strings.CutPrefix(url, "sqlite:")
	if !is || path == "" {
		return Store(ctx, url)
	}
	store, err := sqlite.OpenReadOnly(ctx, path)
	if err != nil {
		return nil, err
	}
	return store, nil
}

func openSQLite(ctx context.Context, path string) (resultstore.Store, error) {
	if path == "" {
		return nil, protocol.Errorf(protocol.ConfigurationError, "the result store \"sqlite:\" has no path").WithHint("write sqlite:PATH")
	}
	store, err := sqlite.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	return store, nil
}

func openRedis(scheme string) func(context.Context, string) (resultstore.Store, error) {
	return func(ctx context.Context, rest string) (resultstore.Store, error) {
		store, err := redis.Open(ctx, scheme+":"+rest)
		if err != nil {
			return nil, err
		}
		return store, nil
	}
}

func openMemory(_ context.Context, rest string) (resultstore.Store, error) {
	if rest != "" {
		return nil, protocol.Errorf(protocol.ConfigurationError, "the result store \"memory:\" must have nothing after the colon").WithHint("write memory:")
	}
	return memory.New(), nil
}
