// Package open opens the result store that a URL names. It knows every adapter, so that the contract knows none.
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

// adapter is one way to keep results.
type adapter struct {
	scheme string
	form   string                                                            // As people write it.
	open   func(ctx context.Context, rest string) (resultstore.Store, error) // Of what follows the scheme's colon.
}

// adapters lists them all.
func adapters() []adapter {
	return []adapter{
		{"sqlite", "sqlite:PATH", openSQLite},
		{"redis", "redis://[user:password@]host[:port][/database]", openRedis("redis")},
		{"rediss", "rediss://… (with TLS)", openRedis("rediss")},
		{"memory", "memory:", openMemory},
	}
}

// Store opens the store that the URL names: sqlite:PATH, redis://…, rediss://… or memory:. The
// error of any other URL lists these.
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
	wrong := protocol.Errorf(protocol.ConfigurationError, "%q is no kind of result store", scheme)
	if !isURL {
		wrong = protocol.Errorf(protocol.ConfigurationError, "the result store %q is no URL", url)
	}
	return nil, wrong.WithHint("write one of %s", strings.Join(forms, ", "))
}

func openSQLite(ctx context.Context, path string) (resultstore.Store, error) {
	if path == "" {
		return nil, protocol.Errorf(protocol.ConfigurationError, "the result store \"sqlite:\" names no file").WithHint("write sqlite:PATH")
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
		return nil, protocol.Errorf(protocol.ConfigurationError, "the result store \"memory:\" takes nothing after the colon").WithHint("write memory:")
	}
	return memory.New(), nil
}
