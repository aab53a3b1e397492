package worker

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"go.temporal.io/sdk/converter"

	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// Plans of any size, and large payloads, are outside the history; a result that looks like a plan within is not one.
func TestWhatIsStoredOutsideTheHistory(t *testing.T) {
	selector := ExternalStorage(memory.New()).DriverSelector
	for _, c := range []struct {
		name    string
		value   any
		outside bool
	}{
		{"a plan", &plan.Plan{Format: 1, Name: "Hello"}, true},
		{"a small value", "hello", false},
		{"a value that has a format", map[string]any{"result": map[string]any{"format": 1}}, false},
		{"a large value", strings.Repeat("x", payloadThreshold), true},
		{"almost a large value", strings.Repeat("x", payloadThreshold-200), false},
	} {
		payload, err := converter.GetDefaultDataConverter().ToPayload(c.value)
		if err != nil {
			t.Fatal(err)
		}
		driver, err := selector.SelectDriver(converter.StorageDriverSelectContext{Context: t.Context()}, payload)
		if err != nil || (driver != nil) != c.outside {
			t.Errorf("%s: %v, %v", c.name, driver, err)
		}
	}
	data, err := json.Marshal(plan.Plan{})
	if err != nil || !bytes.HasPrefix(data, []byte(plan.Beginning)) {
		t.Errorf("a plan begins with %.20s, %v", data, err)
	}
}
