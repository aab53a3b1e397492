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

// TestOwnedDataAreNotCopied: a text that is most of them is a part of them, also one with escapes; a small one does not keep them
// all.
func TestOwnedDataAreNotCopied(t *testing.T) {
	for _, text := range []string{strings.Repeat("x", 1000), strings.Repeat("\"a\"\n\\\t\u0001\u2028ü\U0001f469", 100)} {
		data := Object(Field{"large", String(text)}, Field{"small", String("y\n")}).JSON()
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
		if !within(large.Text()) || large.Text() != text || within(small.Text()) || small.Text() != "y\n" {
			t.Errorf("%t, %.50q, %t, %q", within(large.Text()), large.Text(), within(small.Text()), small.Text())
		}
	}
}

// TestTakeOutTexts: the texts and the rest make the value again, and no text is copied.
func TestTakeOutTexts(t *testing.T) {
	large, broken := strings.Repeat("large", leastShare), strings.Repeat("\xff", leastShare)
	v := Object(Field{"a", String(large)}, Field{"text", List(String(large), String("small"), String(broken), Object(Field{"text_", Int(0)}))})
	texts, key, rest := v.TakeOutTexts()
	if len(texts) != 1 || unsafe.StringData(texts[0]) != unsafe.StringData(large) || key != "text__" {
		t.Fatalf("%d texts, %q", len(texts), key)
	}
	if got, want := string(rest.JSON()), `{"a":{"text__":0},"text":[{"text__":0},"small",`+string(String(broken).JSON())+`,{"text_":0}]}`; got != want {
		t.Errorf("got %.200s", got)
	}
	if texts, _, rest := rest.TakeOutTexts(); len(texts) != 0 || len(rest.Fields()) != 2 {
		t.Errorf("%d texts, %d fields", len(texts), len(rest.Fields()))
	}
}

// TestTheJSONOfALargeTextIsNotCopied: its size is known before it is written, escapes included.
func TestTheJSONOfALargeTextIsNotCopied(t *testing.T) {
	for _, text := range []string{"x", "\n", "\"ü\u2028", "\xffü", "\xff\xfe\x80", "\x01\U0001f469"} {
		v := Object(Field{"a", String(strings.Repeat(text, 3*leastShare))})
		if size, length := v.size(), len(v.JSON()); size < length || size > length+20 {
			t.Errorf("%q: %d bytes, not %d", text, length, size)
		}
	}
}

func TestEqualTextsOfValuesAreShared(t *testing.T) {
	large := strings.Repeat("large", leastShare)
	first := Object(Field{"a", String(strings.Clone(large))}, Field{"b", Int(1)})
	second := List(String(strings.Clone(large)), String("small"), Object(Field{"c", String(large)}))
	var texts Texts
	one, two := texts.Share(first), texts.Share(second)
	if !bytes.Equal(one.JSON(), first.JSON()) || !bytes.Equal(two.JSON(), second.JSON()) {
		t.Errorf("%.100s, %.100s", one.JSON(), two.JSON())
	}
	inner, _ := two.Elements()[2].Get("c")
	of, _ := one.Get("a")
	for _, text := range []string{two.Elements()[0].Text(), inner.Text()} {
		if unsafe.StringData(text) != unsafe.StringData(of.Text()) {
			t.Error("a text is there twice")
		}
	}
}
