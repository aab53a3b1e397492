package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// fullStore is a store on a full disk.
type fullStore struct{ resultstore.Store }

func (fullStore) Put(context.Context, resultstore.Batch) error { return errors.New("no space left") }

// Plans of any size, and large payloads, are outside the histories of a home's engine; a result that looks like a plan within is not one.
// Where the store cannot be written, plans are within.
func TestWhatIsStoredOutsideTheHistory(t *testing.T) {
	for _, c := range []struct {
		name          string
		value         any
		outside, full bool
	}{
		{"a plan", &plan.Plan{Format: 1, Name: "Hello"}, true, false},
		{"a small value", "hello", false, false},
		{"a value that has a format", map[string]any{"result": map[string]any{"format": 1}}, false, false},
		{"a large value", strings.Repeat("x", payloadThreshold), true, true},
		{"almost a large value", strings.Repeat("x", payloadThreshold-200), false, false},
	} {
		payload, err := converter.GetDefaultDataConverter().ToPayload(c.value)
		if err != nil {
			t.Fatal(err)
		}
		for full, store := range map[bool]resultstore.Store{false: memory.New(), true: fullStore{}} {
			var o client.Options
			ConfigureHomeClient(store)(&o)
			driver, err := o.ExternalStorage.DriverSelector.SelectDriver(converter.StorageDriverSelectContext{Context: t.Context()}, payload)
			want := c.outside
			if full {
				want = c.full
			}
			if err != nil || (driver != nil) != want {
				t.Errorf("%s, on a full disk %t: %v, %v", c.name, full, driver, err)
			}
		}
	}
	data, err := json.Marshal(plan.Plan{})
	if err != nil || !bytes.HasPrefix(data, []byte(plan.Beginning)) {
		t.Errorf("a plan begins with %.20s, %v", data, err)
	}
}
