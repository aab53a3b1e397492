package value

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// FuzzText: texts are written byte for byte as encoding/json writes them, because values are known by the hash of their JSON.
func FuzzText(f *testing.F) {
	for _, text := range []string{"", "plain", "\x00\x01\x1f\x7f\b\f\n\r\t\"\\/<>&", "ü€𐐀\u2028\u2029\ufffd", "\xff\xc3(\xe2\x80", "a\xf0\x9f\x98", strings.Repeat("ä", 1000)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var want bytes.Buffer
		encoder := json.NewEncoder(&want)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(text); err != nil {
			t.Fatal(err)
		}
		if got := String(text).JSON(); string(got) != strings.TrimSuffix(want.String(), "\n") {
			t.Errorf("%q: got %s, want %s", text, got, want.String())
		}
	})
}

// FuzzParse: what is JSON is read as encoding/json reads it, and everything else is an error.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		`null`, ` true `, `false`, `0`, `-1.5e+10`, `""`, `"a\"b\\\u00e4\ud83d\ude00\ud83d"`, "\"\xff\"", `[]`, ` [ 1 , [ ] , { } ] `, `{"a":1,"b":{"c":[null]},"a":2}`, `{"\u0061":1}`,
		`"\b\f\n\r\t\/\\\u0000\u2028\ud83d\u0041\ude00\ud83d\ud83d\ude00\uD83D\uDE00"`, `"\ud83d\n"`, "\"\\u00e4\xff\"", "{\n\t\"k\" : \"v\"\r\n}", `{"a":1}x`, `[1,]`, `{"a"}`, `"`, ``, `1 2`, `nul`, `[`, strings.Repeat("[", 1001) + strings.Repeat("]", 1001), strings.Repeat("[", 20_000),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := Parse(data)
		deep := err != nil && strings.Contains(err.Error(), "deep")
		if valid := json.Valid(data); valid != (err == nil) && !deep {
			t.Fatalf("%q: %v", data, err)
		}
		if err != nil {
			if !strings.HasPrefix(err.Error(), "not JSON: ") {
				t.Errorf("%q: %v", data, err)
			}
			return
		}
		decode := func(from []byte) any {
			decoder := json.NewDecoder(bytes.NewReader(from))
			decoder.UseNumber()
			var decoded any
			if err := decoder.Decode(&decoded); err != nil {
				t.Fatalf("%q: %v", from, err)
			}
			encoded, err := json.Marshal(decoded)
			if err != nil {
				t.Fatal(err)
			}
			return string(encoded)
		}
		if got, want := decode(v.JSON()), decode(data); got != want {
			t.Errorf("%q is read as %s", data, got)
		}
		owned, err := ParseOwned(bytes.Clone(data))
		if err != nil || !bytes.Equal(owned.JSON(), v.JSON()) {
			t.Errorf("%q is read as %s where it is owned: %v", data, owned.JSON(), err)
		}
	})
}

// TestALargeTextIsCopiedOnce, where it is read and where it is written.
func TestALargeTextIsCopiedOnce(t *testing.T) {
	for _, piece := range []string{"ab\u00fc ", "\"a\"\n"} {
		testCopies(t, piece)
	}
}

func testCopies(t *testing.T, piece string) {
	const size = 8 << 20
	data := Object(Field{"text", String(strings.Repeat(piece, size/5))}, Field{"n", Int(1)}).JSON()
	var v Value
	allocated := func(work func()) int64 {
		return testing.Benchmark(func(b *testing.B) {
			for range b.N {
				work()
			}
		}).AllocedBytesPerOp()
	}
	reading := allocated(func() {
		var err error
		if v, err = Parse(data); err != nil {
			t.Error(err)
		}
	})
	writing := allocated(func() { v.JSON() })
	if most := int64(len(data)) * 5 / 4; reading > most || writing > most {
		t.Errorf("%d bytes are read with %d and written with %d", len(data), reading, writing)
	}
}

// WriteJSON writes the same bytes, whatever the length of a text and wherever it is cut.
func TestWriteJSON(t *testing.T) {
	for _, length := range []int{0, 1, 4095, 4096, 4097, 20_000} {
		for _, text := range []string{"a", "\n", "\"", "ü", "日", "😀", "\u2028", "<&>", "\x00", "\xff", "a\xe2\x82"} {
			v := Object(Field{Name: "a \"name\"", Value: List(
				String(strings.Repeat(text, length)), String("x"+strings.Repeat(text, length)), Int(7), Value{}, Bool(true), List(), Object(),
			)}, Field{Name: "b", Value: Float(1.5)})
			var written bytes.Buffer
			if err := v.WriteJSON(&written); err != nil || !bytes.Equal(written.Bytes(), v.JSON()) {
				t.Errorf("%d times %q: %d bytes instead of %d, %v", length, text, written.Len(), len(v.JSON()), err)
			}
		}
	}
}
