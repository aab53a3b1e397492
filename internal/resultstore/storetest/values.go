package storetest

import (
	"bytes"
	"encoding/base64"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

func putValues(t *testing.T, store resultstore.Store, values ...[]byte) {
	t.Helper()
	if err := store.Put(t.Context(), resultstore.Batch{Values: values}); err != nil {
		t.Fatalf("put: %v", err)
	}
}

func wantsValue(t *testing.T, store resultstore.Store, ref protocol.Ref, want []byte) {
	t.Helper()
	data, err := store.Value(t.Context(), ref)
	if err != nil {
		t.Fatalf("the value of %d bytes: %v", len(want), err)
	}
	if !bytes.Equal(data, want) {
		t.Fatalf("the value of %d bytes came back with %d bytes, or changed", len(want), len(data))
	}
}

// noise returns text that hardly compresses, the same each time.
func noise(size int) []byte {
	raw := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(raw) // It never fails.
	return raw
}

func valuesComeBack(t *testing.T, store resultstore.Store) {
	everyByte := make([]byte, 256)
	for i := range everyByte {
		everyByte[i] = byte(i)
	}
	values := [][]byte{
		{},
		[]byte(`null`),
		[]byte(`1152921504606846977`),
		[]byte(`"02139 ${not.a.reference} <b> 'q' \"q\" \n \u0000 😀"`),
		everyByte,
		[]byte(`"` + strings.Repeat("five million bytes of text ", 5<<20/27) + `"`),
		[]byte(`"` + base64.StdEncoding.EncodeToString(noise(5<<20*3/4)) + `"`),
		noise(5 << 20),
	}
	for _, size := range []int{511, 512, 513, protocol.MaxInline, protocol.MaxInline + 1} {
		values = append(values, bytes.Repeat([]byte("ab"), size)[:size], noise(size))
	}
	putValues(t, store, nil) // As empty as the first.
	wantsValue(t, store, protocol.RefOf(nil), []byte{})
	putValues(t, store, values...)
	for _, value := range values {
		wantsValue(t, store, protocol.RefOf(value), value)
	}
}

func valuePutTwice(t *testing.T, store resultstore.Store) {
	one, other := []byte(`{"a": 1}`), []byte(`{"a":1}`) // Equal as JSON, and two values.
	putValues(t, store, one, one, other)
	putValues(t, store, one)
	wantsValue(t, store, protocol.RefOf(one), one)
	wantsValue(t, store, protocol.RefOf(other), other)
}

func largestValue(t *testing.T, store resultstore.Store) {
	largest := make([]byte, protocol.MaxValue)
	putValues(t, store, largest)
	wantsValue(t, store, protocol.RefOf(largest), largest)

	err := store.Put(t.Context(), resultstore.Batch{Values: [][]byte{append(largest, 0)}})
	known, ok := errors.AsType[*protocol.Error](err)
	const want = "a value has 67108865 bytes, and the limit is 67108864"
	if !ok || known.Code != protocol.TaskResultInvalid || known.Retryable() || known.Message != want {
		t.Errorf("a byte more: %v; want a permanent %q", err, want)
	}
}

func unknownValue(t *testing.T, store resultstore.Store) {
	putValues(t, store, []byte(`"known"`))
	for _, ref := range []protocol.Ref{protocol.RefOf([]byte(`"unknown"`)), {}, {Hash: "no hash ' at all"}} {
		if data, err := store.Value(t.Context(), ref); !errors.Is(err, resultstore.ErrNotFound) {
			t.Errorf("%+v: %q, %v; want ErrNotFound", ref, data, err)
		}
	}
}

func noSharedMemory(t *testing.T, store resultstore.Store) {
	value := []byte(`"as it was put"`)
	ref := protocol.RefOf(value)
	run := runOf("r", "e", 0)
	run.Value, run.Error = &protocol.Ref{Hash: "as it was put"}, protocol.Errorf(protocol.TaskTimeout, "as it was put")
	if err := store.Put(t.Context(), resultstore.Batch{Records: []resultstore.Record{run}, Values: [][]byte{value}}); err != nil {
		t.Fatal(err)
	}
	want := lines(t, []resultstore.Record{run})[0]
	value[1], run.Value.Hash, run.Error.Message = 'X', "changed", "changed"
	for range 2 { // What comes back is the caller's to change, too.
		data, err := store.Value(t.Context(), ref)
		if err != nil || string(data) != `"as it was put"` {
			t.Fatalf("the value: %q, %v", data, err)
		}
		found, err := store.Records(t.Context(), resultstore.Query{Run: "r"})
		if err != nil || len(found) != 1 || lines(t, found)[0] != want {
			t.Fatalf("the record: %+v, %v; want %s", found, err, want)
		}
		data[1], found[0].Value.Hash, found[0].Error.Message = 'X', "changed", "changed"
	}
}
