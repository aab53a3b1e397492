package batchapi

import (
	"context"
	"fmt"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// finish writes the files with the results, and ends the batch as its run has ended.
func (e *execution) finish(ctx context.Context, b *record, run *view.Run) error {
	if b.WritingOutput == "" { // The ids are recorded first: files that are written again have the same. Clients see those of files that exist.
		err := e.change(func(b *record) {
			b.WritingOutput, b.WritingErrors = newID(filePrefix), newID(filePrefix)
			b.observe(run)
			switch {
			case b.Status == Cancelling:
			case run.Status == protocol.Cancelled: // Not by a client of the API.
				b.move(Cancelling)
			default:
				b.move(Finalizing)
			}
		})
		if err != nil {
			return err
		}
		if b, err = e.storage.batch(e.id); err != nil {
			return err
		}
	}
	answers, others, err := e.writeResults(ctx, b, run)
	if err != nil {
		return err
	}
	return e.change(func(b *record) {
		if answers > 0 {
			b.OutputFile = b.WritingOutput
		}
		if others > 0 {
			b.ErrorFile = b.WritingErrors
		}
		b.Counts.Completed, b.Counts.Failed, b.Counts.Total = answers, others, max(b.Counts.Total, answers+others)
		b.use(run)
		switch {
		case b.Status == Cancelling:
			b.move(Cancelled)
		case run.Status == protocol.TimedOut:
			b.move(Expired)
		case answers+others == 0:
			b.failAs(run)
		default:
			b.move(Completed)
		}
	})
}

// writeResults stores the output file and the error file, those that have a line.
func (e *execution) writeResults(ctx context.Context, b *record, run *view.Run) (answers, others int, err error) {
	output, err := e.storage.newTemporary()
	if err != nil {
		return 0, 0, err
	}
	defer output.discard()
	failures, err := e.storage.newTemporary()
	if err != nil {
		return 0, 0, err
	}
	defer failures.discard()
	if answers, others, err = e.options.Runs.WriteResponses(ctx, run, output, failures); err != nil {
		return 0, 0, err
	}
	for _, part := range []struct {
		id, name string
		lines    int
		from     *temporary
	}{{b.WritingOutput, "output", answers, output}, {b.WritingErrors, "error", others, failures}} {
		if part.lines == 0 {
			continue
		}
		f := &file{ID: part.id, CreatedAt: time.Now().Unix(), Filename: fmt.Sprintf("%s_%s.jsonl", b.ID, part.name), Purpose: ofOutput, Owner: b.Owner}
		if b.Keep > 0 {
			f.ExpiresAt = f.CreatedAt + b.Keep
		}
		if err := part.from.finish(f); err != nil {
			return 0, 0, err
		}
		if err := e.storage.add(f, part.from.file.Name()); err != nil {
			return 0, 0, err
		}
	}
	return answers, others, nil
}
