package value

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
		v, err := Parse([]byte(text))
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
	v, err := Parse([]byte(`{"a":1,"b":2,"a":3}`))
	if got := string(v.JSON()); err != nil || got != `{"a":3,"b":2}` {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestWhatIsNoJSONIsRefused(t *testing.T) {
	for text, message := range map[string]string{
		``:         "not JSON: unexpected EOF",
		`[1`:       "not JSON: unexpected EOF",
		`{"a":1}x`: "not JSON: unexpected text after the value",
		`{} {}`:    "not JSON: unexpected text after the value",
		strings.Repeat("[", 1001) + strings.Repeat("]", 1001): "not JSON: lists and objects are nested more than 1000 deep",
	} {
		if _, err := Parse([]byte(text)); err == nil || err.Error() != message {
			t.Errorf("%.20s: got %v, want %s", text, err, message)
		}
	}
}

func TestDigits(t *testing.T) {
	for text, isNumber := range map[string]bool{"1": true, "-1.5e3": true, "01": false, "": false, "NaN": false, "1 ": false, `"1"`: false, "1,2": false} {
		if v, ok := Digits(text); ok != isNumber || (ok && v.Digits() != text) {
			t.Errorf("%q: %v %v", text, v, ok)
		}
	}
}

func TestWithReplacesAFieldOrAddsIt(t *testing.T) {
	v := Object(Field{"a", Int(1)}, Field{"b", Int(2)})
	if got := string(v.With("a", String("x")).With("c", Bool(true)).JSON()); got != `{"a":"x","b":2,"c":true}` {
		t.Error(got)
	}
	if got := string(v.JSON()); got != `{"a":1,"b":2}` {
		t.Errorf("the value itself became %s", got)
	}
}
