package batchapi

import (
	"context"
	"io"
	"log/slog"
	"testing"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/programtest"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// closedRun is a run that has closed, whose results take as long as a test looks at the batch meanwhile. Other methods are those of no run.
type closedRun struct {
	Runs
	run       view.Run
	meanwhile func()
}

func (r *closedRun) Find(context.Context, string) (*view.Run, error) { return &r.run, nil }

func (r *closedRun) WriteResponses(_ context.Context, _ *view.Run, output, failures io.Writer) (answers, others int, err error) {
	r.meanwhile()
	_, err = io.WriteString(output, "answer\n")
	return 1, 0, err
}

// While files are written, clients see the status, and the ids of no files that do not exist. A run that was cancelled by a command is one
// that a client has cancelled.
func TestWhileResultsAreWritten(t *testing.T) {
	for ended, want := range map[protocol.Status][2]Status{
		protocol.Completed: {Finalizing, Completed}, protocol.Cancelled: {Cancelling, Cancelled}, protocol.TimedOut: {Finalizing, Expired},
	} {
		kept, err := openStorage(t.TempDir(), slog.New(slog.DiscardHandler))
		programtest.Must(t, err)
		runs := &closedRun{run: view.Run{Status: ended}}
		s := newBatches(t.Context(), Options{Runs: runs, Log: slog.New(slog.DiscardHandler)}, kept)
		b := &record{document: document{ID: newID(batchPrefix), InputFile: put(t, kept, string(ended)).ID, Status: InProgress}, Started: true}
		var between document
		runs.meanwhile = func() {
			now, err := kept.batch(b.ID)
			programtest.Must(t, err)
			between = now.document
		}
		programtest.Must(t, s.create(b))
		s.wait()
		now, err := kept.batch(b.ID)
		programtest.Must(t, err)
		if between.Status != want[0] || between.OutputFile != "" || between.ErrorFile != "" {
			t.Errorf("%s: while the files are written it is %+v", ended, between)
		}
		if _, err := kept.file(now.OutputFile); err != nil || now.Status != want[1] || now.ErrorFile != "" || (now.CancelAt > 0) != (ended == protocol.Cancelled) {
			t.Errorf("%s: in the end it is %+v (%v)", ended, now, err)
		}
	}
}
