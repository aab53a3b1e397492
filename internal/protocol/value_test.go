package protocol

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestValuesComeBackAsTheyWere(t *testing.T) {
	for _, text := range []string{
		`null`, `true`, `false`, `0`, `-0`, `1152921504606846977`, `1e-7`, `1E400`, `0.10`, `"02139"`,
		`""`, `"quotes \" and \\ and <tags> & 🦉"`, `"line\nbreak\ttab\u0000"`, `[]`, `{}`, `[1,[2,[3]]]`,
		`{"z":1,"a":2,"m":{"y":[],"b":null}}`,
	} {
		v, err := ParseValue([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := string(v.JSON()); got != text {
			t.Errorf("got %s, want %s", got, text)
		}
		var again struct{ V Value }
		wrapped, err := json.Marshal(struct{ V Value }{v})
		if err == nil {
			err = json.Unmarshal(wrapped, &again)
		}
		if err != nil || string(again.V.JSON()) != text {
			t.Errorf("through encoding/json: got %s, %v, want %s", again.V.JSON(), err, text)
		}
	}
}

func TestOfEqualNamesTheLastCounts(t *testing.T) {
	v, err := ParseValue([]byte(`{"a":1,"b":2,"a":3}`))
	if got := string(v.JSON()); err != nil || got != `{"a":3,"b":2}` {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestWhatIsNoJSONIsRefused(t *testing.T) {
	for text, message := range map[string]string{
		``:         "not JSON: unexpected EOF",
		`[1`:       "not JSON: unexpected EOF",
		`{"a":1}x`: "not JSON: something follows the value",
		`{} {}`:    "not JSON: something follows the value",
		strings.Repeat("[", 1001) + strings.Repeat("]", 1001): "not JSON: lists and objects lie more than 1000 deep",
	} {
		if _, err := ParseValue([]byte(text)); err == nil || err.Error() != message {
			t.Errorf("%.20s: got %v, want %s", text, err, message)
		}
	}
}

func TestDigits(t *testing.T) {
	for text, isNumber := range map[string]bool{"1": true, "-1.5e3": true, "01": false, "": false, "NaN": false, "1 ": false, `"1"`: false, "1,2": false} {
		if v, ok := OfDigits(text); ok != isNumber || (ok && v.Digits() != text) {
			t.Errorf("%q: %v %v", text, v, ok)
		}
	}
}

func TestWithReplacesAFieldOrAddsIt(t *testing.T) {
	v := OfObject(Field{"a", OfInt(1)}, Field{"b", OfInt(2)})
	if got := string(v.With("a", OfString("x")).With("c", OfBool(true)).JSON()); got != `{"a":"x","b":2,"c":true}` {
		t.Error(got)
	}
	if got := string(v.JSON()); got != `{"a":1,"b":2}` {
		t.Errorf("the value itself became %s", got)
	}
}

func TestSmallValuesTravelAndLargeOnesStay(t *testing.T) {
	small, _ := Hold(OfString(strings.Repeat("x", MaxInline-2)))
	large, data := Hold(OfString(strings.Repeat("x", MaxInline-1)))
	if small.Inline == nil || small.Ref == nil {
		t.Error("16 KiB do not travel")
	}
	if large.Inline != nil || large.Ref.Size != MaxInline+1 || *large.Ref != RefOf(data) {
		t.Errorf("more than 16 KiB travel: %+v", large.Ref)
	}
	if RefOf([]byte("abc")).Hash != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Error("the hash is not SHA-256")
	}
}

func TestAttempts(t *testing.T) {
	four := &Retry{MaxAttempts: 4}
	for _, c := range []struct {
		retry *Retry
		kind  ErrorKind
		want  int
	}{{nil, Transient, 3}, {nil, OfTask, 1}, {nil, Permanent, 1}, {four, Transient, 4}, {four, OfTask, 4}, {four, Permanent, 1}} {
		if got := c.retry.Attempts(c.kind); got != c.want {
			t.Errorf("%+v %s: got %d, want %d", c.retry, c.kind, got, c.want)
		}
	}
}

func TestEveryCodeIsKnownOnce(t *testing.T) {
	numbers, names := map[Code]bool{}, map[string]bool{}
	for _, info := range Codes {
		if numbers[info.Code] || names[info.Name] || info.Meaning == "" || info.Kind == "" {
			t.Errorf("%+v", info)
		}
		numbers[info.Code], names[info.Name] = true, true
	}
	unknown := Code(-5).Info()
	if unknown.Name != "ERROR_5" {
		t.Errorf("%+v", unknown)
	}
}
