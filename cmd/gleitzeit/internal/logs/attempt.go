package logs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// largestResult is the size in bytes of the largest result that is shown.
const largestResult = 1 << 20

// eventsOf returns the events of an attempt, in their order. began is when it started at the earliest.
func (r *reader) eventsOf(ctx context.Context, record *resultstore.Record, began entry, name string) ([]Event, error) {
	base := Event{Task: record.Task, Name: name, Attempt: record.Attempts, Method: record.Method}
	if record.Kind == resultstore.Round {
		base.Task, base.Round = strings.TrimSuffix(record.Task, resultstore.RoundSuffix), record.Rounds
	} else if record.Item != protocol.NoItem {
		base.Item = &record.Item
	}
	log, err := r.logOf(ctx, record)
	if err != nil {
		return nil, err
	}
	start := base
	start.Kind, start.At = started, began.time()
	if record.AttemptAt.IsZero() && (record.Attempts > 1 || record.Rounds > 1) && log.StartedAt.After(start.At) {
		start.At = log.StartedAt // The record, of an earlier version, does not have it.
	}
	if record.FromCache {
		start.Cached = true
	}
	events := []Event{start}
	if record.Status == protocol.Skipped || record.StartedAt.IsZero() || record.Counts != nil || record.Approval != nil && record.Status.Ended() {
		events = nil
	}
	for i := range log.Events {
		of := &log.Events[i]
		event := base
		event.At, event.Kind, event.Sent = of.At, sent, of.Sent
		if of.Sent == nil {
			event.Kind, event.Stream, event.Text = output, streamName(of.Stderr), of.Text
		}
		events = append(events, event)
	}
	if last := len(events) - 1; last >= 0 && record.Error != nil && record.Error.Code == protocol.ProviderNotAvailable {
		events[last].tried = events[last].Kind == sent // It is logged before it is known whether the server is there.
	}
	for i := range events {
		events[i].At = events[i].At.UTC()
	}
	end, err := r.end(ctx, record, base, log, start.At)
	if end == nil || err != nil {
		return events, err
	}
	if end.At.IsZero() {
		end.At = began.time()
	}
	return append(events, *end), nil
}

// logOf returns the log of an attempt. One that is gone, or that was not made, as by earlier versions, has what else is known of the output.
func (r *reader) logOf(ctx context.Context, record *resultstore.Record) (*protocol.CallLog, error) {
	log := &protocol.CallLog{}
	if record.Log != nil {
		data, err := r.store.Value(ctx, *record.Log)
		switch {
		case err == nil:
			return log, json.Unmarshal(data, log)
		case !errors.Is(err, resultstore.ErrNotFound):
			return nil, err
		}
	}
	ref := record.Printed
	if ref == nil && record.Value != nil && record.Value.Size <= largestResult && !record.Value.Paged && !record.FromCache && strings.HasPrefix(record.Method, "python/") {
		ref = record.Value
	}
	if ref == nil {
		return log, nil
	}
	printed, err := resultstore.Load(ctx, r.store, protocol.Payload{Ref: ref})
	if errors.Is(err, resultstore.ErrNotFound) {
		return log, nil
	}
	for _, stream := range []struct {
		text   string
		stderr bool
	}{{protocol.ParsePrinted(printed).Output, false}, {protocol.ParsePrinted(printed).Stderr, true}} {
		if stream.text != "" {
			log.Events = append(log.Events, protocol.LogEvent{At: record.FinishedAt, Stderr: stream.stderr, Text: stream.text})
		}
	}
	return log, err
}

// end returns the end of an attempt that began at a time, or what a task asks; nil: it has not ended.
func (r *reader) end(ctx context.Context, record *resultstore.Record, of Event, log *protocol.CallLog, began time.Time) (*Event, error) {
	if !record.Status.Ended() {
		if record.Approval == nil {
			return nil, nil
		}
		question, err := view.ReadApproval(ctx, r.store, r.run.Run, record.Task, *record.Approval)
		if err != nil {
			return nil, fmt.Errorf("what task %q asks: %w", record.Task, err)
		}
		of.Kind, of.At, of.Text = asked, record.StartedAt.UTC(), question.Line()
		return &of, nil
	}
	of.Kind, of.At, of.Cached, of.Reason, of.Warning = string(record.Status), record.FinishedAt.UTC(), record.FromCache, record.Reason, record.Warning
	of.Unsent = log.Unsent
	if record.Status != protocol.Skipped {
		of.Error = view.NewError(record.Error)
		took := protocol.RoundedSeconds(record.FinishedAt.Sub(began))
		of.Duration = &took
	}
	if record.Usage != (protocol.Usage{}) {
		usage := view.Usage(record.Usage)
		of.Usage = &usage
	}
	return &of, r.addResult(ctx, &of, record)
}

// addResult adds the result of an attempt: the answer of a model, or the value of a script. That of a task with items is theirs.
func (r *reader) addResult(ctx context.Context, of *Event, record *resultstore.Record) error {
	if record.Value == nil || record.Counts != nil {
		return nil
	}
	if of.Size = record.Value.Size; of.Size > largestResult || record.Value.Paged {
		return nil
	}
	result, err := resultstore.Load(ctx, r.store, protocol.Payload{Ref: record.Value})
	if errors.Is(err, resultstore.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, field := range []string{"response", "result"} {
		if main, has := result.Get(field); has {
			result = main
			break
		}
	}
	if result.Kind() == value.KindString {
		of.Text = result.Text()
		return nil
	}
	of.Result = &result
	return nil
}
