// Package batchruns executes the runs of the Batch API's batches with the executor of a server.
package batchruns

import (
	"context"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/batchapi"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/export"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// Command resumes the runs of batches.
const Command = "gleitzeit server --batch-api"

const (
	// absence is how long a call waits for a server that has gone: somebody waits for the call.
	absence = 10 * time.Second
	// healthTimeout is the time limit for the answer of a server about its models.
	healthTimeout = 5 * time.Second
)

// Runs is batchapi.Runs over the executor of a server.
type Runs struct {
	session  *runs.Session
	executor *runs.Executor
	models   runs.Provider
}

// New returns the runs of a server.
func New(s *runs.Session, v *runs.Server) (*Runs, error) {
	models, err := v.Executor().Models()
	return &Runs{s, v.Executor(), models}, err
}

// Start implements batchapi.Runs.
func (r *Runs) Start(ctx context.Context, p *plan.Plan) error {
	_, err := r.executor.Submit(ctx, p, Command)
	return err
}

// Find implements batchapi.Runs.
func (r *Runs) Find(ctx context.Context, run string) (*view.Run, error) {
	return r.session.Document(ctx, run)
}

// Follow implements batchapi.Runs.
func (r *Runs) Follow(ctx context.Context, run string) error {
	h, err := r.executor.Attach(ctx, run)
	if err != nil || h == nil {
		return err
	}
	err = h.Follow(ctx, nil)
	h.Release(err == nil) // Who has the id of the batch gets the results.
	return err
}

// Cancel implements batchapi.Runs.
func (r *Runs) Cancel(ctx context.Context, run string) error {
	h, err := r.executor.Attach(ctx, run)
	if err != nil || h == nil {
		return err
	}
	err = h.Cancel(ctx)
	h.Release(false)
	return err
}

// WriteResponses implements batchapi.Runs.
func (r *Runs) WriteResponses(ctx context.Context, run *view.Run, output, failures io.Writer) (answers, others int, err error) {
	return export.WriteResponses(ctx, r.session.Store(), run.Batch(definition.BatchID), definition.BatchID, output, failures)
}

// Call implements batchapi.Runs.
func (r *Runs) Call(ctx context.Context, c batchapi.Call) (*batchapi.Response, error) {
	result, err := runs.CallModel(ctx, r.executor, protocol.Request{Method: llm.Request, Parameters: c.Parameters, Priority: c.Priority, Absence: absence, Stream: c.Stream})
	if err != nil {
		return nil, err
	}
	status, _ := result.Value.Get("status_code")
	id, _ := result.Value.Get("request_id")
	body, _ := result.Value.Get("body")
	number, err := strconv.Atoi(status.Digits())
	return &batchapi.Response{Status: number, RequestID: id.Text(), Body: body}, err
}

// Slots implements batchapi.Runs.
func (r *Runs) Slots() (slots int) {
	servers, _ := r.models.Servers()
	for _, server := range servers {
		if r.isCalled(server) {
			slots += server.MaxConcurrent
		}
	}
	return slots
}

// isCalled reports whether requests are sent to a server: they name no provider.
func (r *Runs) isCalled(server protocol.Server) bool {
	return server.Provider == r.session.DefaultProvider()
}

// Models implements batchapi.Runs.
func (r *Runs) Models(ctx context.Context) (models []batchapi.Model, err error) {
	ctx, done := context.WithTimeout(ctx, healthTimeout)
	defer done()
	states, _ := r.models.Probe(ctx, r.isCalled)
	seen, failures := map[string]bool{}, []string(nil)
	for _, state := range states {
		if state.Error != nil {
			failures = append(failures, state.Error.Message)
			continue
		}
		for _, name := range state.Models {
			if !seen[name] {
				seen[name] = true
				models = append(models, batchapi.Model{Name: name, Provider: state.Provider})
			}
		}
	}
	if len(states) == 0 {
		return nil, protocol.Errorf(protocol.ProviderNotAvailable, "no server is configured for the provider %q", r.session.DefaultProvider())
	}
	if len(failures) == len(states) {
		return nil, protocol.Errorf(protocol.ProviderNotAvailable, "no server of models answers: %s", strings.Join(failures, "; "))
	}
	return models, nil
}
