// Package activities is the impure half of a task: it resolves a Call's references, hands it to the protocol's
// handler, keeps what comes out in the result store and tells the workflow the Outcome. It decides whether an error
// is worth another attempt; when that happens, and all else about retries, is Temporal's.
package activities

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Protocol is a Spec with the Handler that runs its methods.
type Protocol struct {
	Spec    protocol.Spec
	Handler protocol.Handler
}

// Options are what activities need. Store and Protocols are required.
type Options struct {
	Store        resultstore.Store
	Protocols    []Protocol
	Log          *slog.Logger
	Env          func(name string) (string, bool) // What `${env.NAME}` reads; default: the process's environment.
	Roots        []string                         // Where set, calls read files beneath these folders alone, whatever their run may read.
	OnStoreError func(error)                      // Hears of a store that is away while a result waits for it. It must not block.
}

// Activities are what a worker registers.
type Activities struct {
	store    resultstore.Store
	methods  map[string]method
	families []Protocol // Those with open methods.
	log      *slog.Logger
	env      func(name string) (string, bool)
	roots    []string
	tell     func(error)
	inFlight inFlight
}

type method struct {
	protocol.Method
	handler protocol.Handler
}

// secretPrefix stands before the name of a secret in the worker's environment.
const secretPrefix = "GLEITZEIT_SECRET_"

// signsPerTimeout is how often, within the heartbeat timeout, a task in flight says so, and hears whether it is cancelled.
const signsPerTimeout = 5

// newsPerTimeout is how often, within the heartbeat timeout, a task tells what is new: with the engine inside, 4 times a
// second; a Temporal elsewhere, where that costs more, hears less.
const newsPerTimeout = 20

// endGrace is how long a handler may take to end after its context is done; then it is left behind.
const endGrace = 10 * time.Second

// New returns the activities for the protocols.
func New(o Options) (*Activities, error) {
	a := &Activities{store: o.Store, methods: map[string]method{}, log: o.Log, env: o.Env, roots: o.Roots, tell: o.OnStoreError}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if a.tell == nil {
		a.tell = func(err error) { a.log.Error("a result cannot be kept; this is tried again", "error", err) }
	}
	if a.env == nil {
		a.env = os.LookupEnv
	}
	for _, p := range o.Protocols {
		p.Spec.AnyServer = true // Which servers there are, the handler knows.
		if slices.ContainsFunc(p.Spec.Methods, protocol.Method.IsPattern) {
			a.families = append(a.families, p)
		}
		for _, m := range p.Spec.Methods {
			if _, twice := a.methods[m.Name]; twice {
				return nil, fmt.Errorf("two protocols have the method %s", m.Name)
			}
			a.methods[m.Name] = method{m, p.Handler}
		}
	}
	return a, nil
}

// method returns what a call asks for.
func (a *Activities) method(name string) (method, bool) {
	if m, known := a.methods[name]; known {
		return m, true
	}
	for _, p := range a.families {
		if m, known := p.Spec.Find(name); known {
			return method{m, p.Handler}, true
		}
	}
	return method{}, false
}

// load fetches a value that a Call carries by its Ref.
func (a *Activities) load(ctx context.Context) func(protocol.Ref) (value.Value, error) {
	return func(ref protocol.Ref) (value.Value, error) {
		data, err := a.store.Value(ctx, ref)
		if err != nil {
			return value.Value{}, fmt.Errorf("the value %.12s of %d bytes: %w", ref.Hash, ref.Size, err)
		}
		return value.Parse(data)
	}
}

func (a *Activities) open(ctx context.Context, held protocol.Payload) (value.Value, error) {
	if held.Inline != nil {
		return *held.Inline, nil
	}
	if held.Ref == nil {
		return value.Value{}, nil
	}
	return a.load(ctx)(*held.Ref)
}
