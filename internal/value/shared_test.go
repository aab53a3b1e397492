package value

import (
	"bytes"
	"strings"
	"testing"
	"unsafe"
)

func TestLargeTextsAreStoredOnce(t *testing.T) {
	large, other := strings.Repeat("large", leastShare), strings.Repeat("\u00fc\"", leastShare)
	for name, v := range map[string]Value{
		"a tool":       Object(Field{"response", String(large)}, Field{"result", String(large)}, Field{"content", List(Object(Field{"type", String("text")}, Field{"text", String(large)}))}),
		"two":          List(String(large), String(other), String(large), Object(Field{"text_", Int(0)}, Field{"text", String(other)})),
		"a look-alike": Object(Field{sharedKey, String("text")}, Field{textsKey, List()}, Field{valueKey, Int(1)}),
		"both":         Object(Field{sharedKey, String(large)}, Field{"x", String(large)}),
	} {
		data := v.StoredJSON()
		for _, text := range []string{large, other} {
			if n := bytes.Count(data, String(text).JSON()); n > 1 {
				t.Errorf("%s: a text is stored %d times", name, n)
			}
		}
		back, err := ParseStored(data)
		if err != nil || !bytes.Equal(back.JSON(), v.JSON()) {
			t.Errorf("%s: %v, %.300s", name, err, back.JSON())
		}
	}
	for name, v := range map[string]Value{
		"once":  Object(Field{"a", String(large)}, Field{"b", String(other)}),
		"small": List(String("small"), String("small"), String(large[:leastShare-1]), String(large[:leastShare-1])),
	} {
		if data := v.StoredJSON(); !bytes.Equal(data, v.JSON()) {
			t.Errorf("%s: %.200s", name, data)
		}
	}
}

func TestDamagedSharedTexts(t *testing.T) {
	for _, data := range []string{
		`{"gleitzeit.shared":"text","texts":["a"],"value":{"text":1}}`, `{"gleitzeit.shared":"text","texts":["a"],"value":[{"text":-1}]}`,
		`{"gleitzeit.shared":"text","texts":["a"]}`, `{"gleitzeit.shared":1,"texts":["a"],"value":1}`, `{"gleitzeit.shared":"text","value":{"a":{"text":"b"}}}`,
	} {
		if v, err := ParseStored([]byte(data)); err == nil {
			t.Errorf("%s: %s", data, v.JSON())
		}
	}
}

// TestOwnedDataAreNotCopied: a text that is most of them is a part of them; a small one does not keep them all.
func TestOwnedDataAreNotCopied(t *testing.T) {
	data := Object(Field{"large", String(strings.Repeat("x", 1000))}, Field{"small", String("y")}).JSON()
	v, err := ParseOwned(data)
	if err != nil {
		t.Fatal(err)
	}
	within := func(text string) bool {
		at := uintptr(unsafe.Pointer(unsafe.StringData(text)))
		begin := uintptr(unsafe.Pointer(unsafe.SliceData(data)))
		return at >= begin && at < begin+uintptr(len(data))
	}
	large, _ := v.Get("large")
	small, _ := v.Get("small")
	if !within(large.Text()) || within(small.Text()) || small.Text() != "y" {
		t.Errorf("%t, %t", within(large.Text()), within(small.Text()))
	}
}
