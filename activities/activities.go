// Package activities runs the tasks of a workflow: it resolves the references of a Call, hands it to the protocol's
// handler, stores the result and returns the Outcome to the workflow. It decides whether an error is worth another attempt;
// Temporal does the retries.
package activities

import (
	"fmt"
	"log/slog"
	"os"
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/documents/reader"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/redaction"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/secretsource"
)

// Protocol is a Spec with the Handler that runs its methods.
type Protocol struct {
	Spec    protocol.Spec
	Handler protocol.Handler
}

// Options of activities. Store and Protocols are required.
type Options struct {
	Store         resultstore.Store
	Protocols     []Protocol
	Log           *slog.Logger
	Env           func(name string) (string, bool) // Reads `${env.NAME}`; default: the process's environment.
	Secrets       secretsource.Sources             // Of `${secrets.NAME}`; their Env is that of the options by default.
	Roots         []string                         // Where set, calls read files beneath these folders alone, whatever their run may read.
	Documents     *reader.Reader                   // Reads the documents that references lead to. Nil: without converters.
	CaseSensitive bool                             // Patterns of files respect the case of endings: `*.png` does not match a.PNG.
	OnStoreError  func(error)                      // Called when a result waits for an unavailable store. It must not block.
}

// Activities are what a worker registers.
type Activities struct {
	*itemLists
	*earlierRuns
	results results
	methods methods
	log     *slog.Logger
	env     func(name string) (string, bool)
	secrets secretsource.Sources
	roots   []string

	documents     *reader.Reader
	caseSensitive bool

	inFlight inFlight
	given    redaction.Set // The values of `${secrets…}` that calls got.
}

// New returns the activities for the protocols.
func New(o Options) (*Activities, error) {
	a := &Activities{log: o.Log, env: o.Env, secrets: o.Secrets, roots: o.Roots, documents: o.Documents, caseSensitive: o.CaseSensitive}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if a.env == nil {
		a.env = os.LookupEnv
	}
	if a.secrets.Env == nil {
		a.secrets.Env = a.env
	}
	a.results = results{store: o.Store, log: a.log, onError: o.OnStoreError}
	if a.results.onError == nil {
		a.results.onError = func(err error) { a.log.Error("cannot store a result; retrying", "error", err) }
	}
	a.itemLists = &itemLists{results: a.results}
	a.earlierRuns = &earlierRuns{lists: a.itemLists, results: a.results}
	var err error
	a.methods, err = newMethods(o.Protocols)
	return a, err
}

// method is a method with the handler that runs it.
type method struct {
	protocol.Method
	handler protocol.Handler
}

// methods finds methods by name.
type methods struct {
	byName   map[string]method
	patterns []Protocol // Those with methods that stand for many names.
}

func newMethods(protocols []Protocol) (methods, error) {
	found := methods{byName: map[string]method{}}
	for _, p := range protocols {
		p.Spec.AnyServer = true // The handler knows which servers there are.
		if slices.ContainsFunc(p.Spec.Methods, protocol.Method.IsPattern) {
			found.patterns = append(found.patterns, p)
		}
		for _, m := range p.Spec.Methods {
			if _, exists := found.byName[m.Name]; exists {
				return methods{}, fmt.Errorf("two protocols have the method %q", m.Name)
			}
			found.byName[m.Name] = method{m, p.Handler}
		}
	}
	return found, nil
}

func (m methods) find(name string) (method, bool) {
	if found, known := m.byName[name]; known {
		return found, true
	}
	for _, p := range m.patterns {
		if found, known := p.Spec.Find(name); known {
			return method{found, p.Handler}, true
		}
	}
	return method{}, false
}
