package sealed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/encryption"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/redistest"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/redis"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/sqlite"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/storetest"
)

const (
	first  = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	second = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
	third  = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="
	canary = "canary-0f1e2d3c"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// with returns a store with keys over another one.
func with(t testing.TB, inner resultstore.Store, keys ...string) *Store {
	t.Helper()
	s, err := Open(t.Context(), inner, keysOf(t, keys...))
	must(t, err)
	return s
}

func keysOf(t testing.TB, keys ...string) *encryption.Keys {
	t.Helper()
	if len(keys) == 0 {
		return nil
	}
	path := filepath.Join(t.TempDir(), "keys")
	must(t, os.WriteFile(path, []byte(strings.Join(keys, "\n")), 0o600))
	read, err := encryption.Read(path)
	must(t, err)
	return read
}

func TestContract(t *testing.T) {
	server := redistest.Start(t)
	for name, open := range map[string]func(t *testing.T) resultstore.Store{
		"memory": func(*testing.T) resultstore.Store { return memory.New() },
		"sqlite": func(t *testing.T) resultstore.Store {
			store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "results.db"))
			must(t, err)
			return store
		},
		"redis": func(t *testing.T) resultstore.Store {
			server.Do("FLUSHALL")
			store, err := redis.Open(t.Context(), server.URL("", 0))
			must(t, err)
			return store
		},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) resultstore.Store { return with(t, open(t), first) })
		})
	}
	t.Run("without keys", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) resultstore.Store { return with(t, memory.New()) })
	})
}

func runRecord(id string, minute int) resultstore.Record {
	return resultstore.Record{
		Kind: resultstore.Run, Key: resultstore.Key{Run: id, Execution: "x", Item: protocol.NoItem}, Workflow: "Flow", Status: protocol.Failed,
		StartedAt: time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC), Reason: canary, Warning: canary, Error: protocol.Errorf(protocol.InternalError, canary),
	}
}

// recorder notes what reaches the store inside.
type recorder struct {
	resultstore.Store
	batches []resultstore.Batch
}

func (r *recorder) Put(ctx context.Context, batch resultstore.Batch) error {
	r.batches = append(r.batches, batch)
	return r.Store.Put(ctx, batch)
}

// TestNothingPlainReachesTheStore: neither values, nor what a record has of them, nor a hash of a content.
func TestNothingPlainReachesTheStore(t *testing.T) {
	inner := &recorder{Store: memory.New()}
	s := with(t, inner, first)
	value := []byte(`"` + canary + strings.Repeat(" and more", 1000) + `"`)
	ref := protocol.RefOf(value)
	record := runRecord("a", 0)
	record.Value, record.Plan, record.Items = &ref, &ref, &ref
	cached := resultstore.Record{Kind: resultstore.Cached, Key: resultstore.CallKey(ref.Hash), Status: protocol.Completed, Value: &ref}
	must(t, s.Put(t.Context(), resultstore.Batch{Records: []resultstore.Record{record, cached}, Values: [][]byte{value}}))
	stored, err := json.Marshal(inner.batches)
	must(t, err)
	for _, batch := range inner.batches {
		stored = append(stored, bytes.Join(batch.Values, nil)...)
	}
	for _, plain := range []string{canary, ref.Hash} {
		if bytes.Contains(stored, []byte(plain)) {
			t.Errorf("%q reaches the store", plain)
		}
	}
	if size := len(inner.batches[0].Values[0]); size > 300 {
		t.Errorf("%d bytes of %d are stored: they are not compressed", size, len(value))
	}
	got, err := s.Value(t.Context(), ref)
	if err != nil || !bytes.Equal(got, value) {
		t.Errorf("%.40q, %v", got, err)
	}
	found, err := s.Records(t.Context(), resultstore.Query{Run: resultstore.CallKey("").Run, Execution: "calls", Task: ref.Hash})
	if err != nil || len(found) != 1 || found[0].Task != ref.Hash || *found[0].Value != ref {
		t.Errorf("%+v, %v", found, err)
	}
}

// TestRotation: values and records of earlier keys, and those of no key, stay readable; equal content is stored once for each
// first key; and what a record refers to is in the store under the name that the record has for it.
func TestRotation(t *testing.T) {
	inner := &recorder{Store: memory.New()}
	value := []byte(`"` + canary + `"`)
	ref := protocol.RefOf(value)
	put := func(run string, minute int, values [][]byte, keys ...string) {
		record := runRecord(run, minute)
		record.Plan = &ref
		must(t, with(t, inner, keys...).Put(t.Context(), resultstore.Batch{Records: []resultstore.Record{record}, Values: values}))
	}
	put("none", 0, [][]byte{value})
	put("first", 1, nil, first)
	put("second", 2, nil, second, first)
	put("again", 3, [][]byte{value}, second, first)
	s := with(t, inner, third, second, first)
	records, err := s.Records(t.Context(), resultstore.Query{})
	if err != nil || len(records) != 4 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	for _, record := range records {
		if record.Plan == nil || *record.Plan != ref || record.Warning != canary || record.Error == nil || record.Error.Message != canary {
			t.Errorf("%+v", record)
		}
	}
	names := map[string]bool{}
	for _, batch := range inner.batches {
		for _, name := range batch.Names {
			names[name] = true
		}
	}
	if len(names) != 2 {
		t.Errorf("the value has %d names, want one for each first key", len(names))
	}
	inside, err := inner.Records(t.Context(), resultstore.Query{})
	must(t, err)
	for _, record := range inside {
		if _, err := inner.Value(t.Context(), *record.Plan); err != nil {
			t.Errorf("what the record of %s refers to: %v", record.Run, err)
		}
	}
	if got, err := s.Value(t.Context(), ref); err != nil || !bytes.Equal(got, value) {
		t.Errorf("%q, %v", got, err)
	}
}

// TestAMissingKey: a process without the key of the newest run ends before it does anything; runs of a key that was given up
// are listed, and their content is an error.
func TestAMissingKey(t *testing.T) {
	inner := memory.New()
	must(t, with(t, inner, first).Put(t.Context(), resultstore.Batch{Records: []resultstore.Record{runRecord("old", 0)}, Values: [][]byte{[]byte("1")}}))
	for _, keys := range [][]string{{}, {second}} {
		_, err := Open(t.Context(), inner, keysOf(t, keys...))
		problem := protocol.AsError(err, protocol.InternalError)
		if !errors.Is(err, encryption.ErrMissingKey) || problem.Code != protocol.ConfigurationError || problem.Hint == "" {
			t.Errorf("with %d keys: %v", len(keys), err)
		}
	}
	must(t, with(t, inner, second, first).Put(t.Context(), resultstore.Batch{Records: []resultstore.Record{runRecord("new", 1)}}))
	s := with(t, inner, second)
	records, err := s.Records(t.Context(), resultstore.Query{})
	if err != nil || len(records) != 2 || records[0].Warning != canary || records[1].Run != "old" || records[1].Warning != "" {
		t.Errorf("%+v, %v", records, err)
	}
	if _, err := s.Records(t.Context(), resultstore.Query{Run: "old"}); !errors.Is(err, encryption.ErrMissingKey) {
		t.Error(err)
	}
	if _, err := s.Value(t.Context(), protocol.RefOf([]byte("1"))); !errors.Is(err, resultstore.ErrNotFound) {
		t.Error(err)
	}
}
