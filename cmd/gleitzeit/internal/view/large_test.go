package view

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// TestLargeTextsInJSON: a document with large texts is the same as one that is encoded at once.
func TestLargeTextsInJSON(t *testing.T) {
	encode := func(to io.Writer, document any) {
		encoder := json.NewEncoder(to)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(document); err != nil {
			t.Error(err)
		}
	}
	for name, text := range map[string]string{
		"small": "small", "plain": strings.Repeat("x", largeText), "escapes": strings.Repeat("\"\n\u2028<", largeText), "wide": "a" + strings.Repeat("\u20ac", largeText),
		"no UTF-8": strings.Repeat("\x80", 2*largeText),
	} {
		result := value.Object(value.Field{Name: "response", Value: value.String(text)}, value.Field{Name: "content", Value: value.List(value.String(text), value.Int(1))})
		run := &Run{Run: "r", Outputs: value.Object(value.Field{Name: "x", Value: value.String(text)}), Tasks: []Task{{ID: "a", Result: &result}, {ID: "b"}}}
		var got, want bytes.Buffer
		WriteRun(&got, run, encode)
		encode(&want, run)
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("%s: %.300s", name, got.String())
		}
		got.Reset()
		want.Reset()
		WriteTask(&got, &run.Tasks[0], encode)
		encode(&want, run.Tasks[0])
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("%s: task: %.300s", name, got.String())
		}
		got.Reset()
		want.Reset()
		WriteValue(&got, result, encode)
		encode(&want, result)
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("%s: value: %.300s", name, got.String())
		}
	}
}
