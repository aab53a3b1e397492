package resultstore_test

import (
	"errors"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

func TestLoad(t *testing.T) {
	store, data, inline := memory.New(), []byte(`{"a":1}`), value.Int(2)
	stored, missing := protocol.RefOf(data), protocol.RefOf([]byte(`3`))
	if err := store.Put(t.Context(), resultstore.Batch{Values: [][]byte{data}}); err != nil {
		t.Fatal(err)
	}
	for want, payload := range map[string]protocol.Payload{
		`null`: {}, `2`: {Inline: &inline, Ref: &missing}, `{"a":1}`: {Ref: &stored},
	} {
		if got, err := resultstore.Load(t.Context(), store, payload); err != nil || string(got.JSON()) != want {
			t.Errorf("got %s, %v, want %s", got.JSON(), err, want)
		}
	}
	if _, err := resultstore.Load(t.Context(), store, protocol.Payload{Ref: &missing}); !errors.Is(err, resultstore.ErrNotFound) {
		t.Errorf("a missing value: %v", err)
	}
}
