// Package open finds the adapter that a result store's URL names.
package open

import (
	"context"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/sqlite"
)

// adapter is one way to keep results.
type adapter struct {
	scheme string
	form   string // As people write it.
	open   func(ctx context.Context, rest string) (resultstore.Store, error)
}

// adapters is the list of them all.
var adapters = []adapter{
	{"sqlite", "sqlite:PATH", func(ctx context.Context, path string) (resultstore.Store, error) {
		store, err := sqlite.Open(ctx, path)
		if err != nil {
			return nil, err // Not a typed nil.
		}
		return store, nil
	}},
	{"memory", "memory:", func(context.Context, string) (resultstore.Store, error) { return memory.New(), nil }},
}

// Store opens the store that the URL names.
func Store(ctx context.Context, url string) (resultstore.Store, error) {
	scheme, rest, _ := strings.Cut(url, ":")
	forms := make([]string, len(adapters))
	for i, a := range adapters {
		if a.scheme == scheme && strings.Contains(url, ":") {
			return a.open(ctx, rest)
		}
		forms[i] = a.form
	}
	return nil, protocol.Errorf(protocol.ConfigurationError, "%q names no result store", url).WithHint("write one of %s", strings.Join(forms, ", "))
}
