package jsonschema_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/jsonschema"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// TestPatterns: they mean what ECMAScript says, and are checked.
func TestPatterns(t *testing.T) {
	for _, test := range []struct {
		pattern            string // As JSON.
		matching, mismatch string
	}{
		{`"^[a-z]+$"`, "abc", "A"},
		{`"^\\u00e4$"`, "ä", "a"},
		{`"^\\\\u0041$"`, `\u0041`, "A"},
		{`"^\\\\\\u0041$"`, `\A`, `\u0041`},
		{`"^\\ud83d\\ude00$"`, "😀", "a"},
		{`"^\\u{1F600}$"`, "😀", "a"},
		{`"^(?=.*[0-9])(?=.*[a-z]).{3,}$"`, "a-1", "no digit"},
		{`"^(?!x)(?<!y).$"`, "a", "x"},
		{`"^(a|b)\\1$"`, "aa", "ab"},
		{`"^(?<n>.)\\k<n>$"`, "xx", "xy"},
		{`"^a{1,2000}$"`, strings.Repeat("a", 2000), strings.Repeat("a", 2001)},
		{`"^\\p{Letter}+\\p{Script=Greek}$"`, "äα", "ä1"},
		{`"^[\\w-.]+$"`, "a-b.c", "a b"},
		{`"^\\cA[^]$"`, "\x01x", "A"},
		{`"^(?=.)a$"`, "a", "a\n"},
		{`"^[[:alpha:]]$"`, "a]", "b"}, // Not a class, but one of these characters, and a bracket.
		{`"^a\\z$"`, "az", "a"},
		{`"^\\\\A$"`, `\A`, "A"},
	} {
		schema, err := jsonschema.Compile([]byte(`{"type":"string","pattern":` + test.pattern + `}`))
		if err != nil {
			t.Errorf("%s: %v", test.pattern, err)
			continue
		}
		if len(schema.Unchecked) > 0 {
			t.Errorf("%s is not checked", test.pattern)
		}
		if why := schema.Check("text", value.String(test.matching)); why != "" {
			t.Errorf("%s: %s", test.pattern, why)
		}
		if schema.Check("text", value.String(test.mismatch)) == "" {
			t.Errorf("%s matches %q", test.pattern, test.mismatch)
		}
	}
	for _, pattern := range []string{`"("`, `"[a"`, `"a**"`, `"a{2,1}"`, `"(?=a"`} {
		if _, err := jsonschema.Compile([]byte(`{"pattern":` + pattern + `}`)); err == nil {
			t.Errorf("%s is a pattern", pattern)
		}
	}
}

// TestPatternsThatTakeForever: a text does not match a pattern that takes too long, and the time is bounded however many texts there
// are.
func TestPatternsThatTakeForever(t *testing.T) {
	schema, err := jsonschema.Compile([]byte(`{"items":{"pattern":"^(?=(a+)+$)"}}`))
	if err != nil {
		t.Fatal(err)
	}
	var texts []value.Value
	for range 1000 {
		texts = append(texts, value.String(strings.Repeat("a", 50)+"b"))
	}
	start := time.Now()
	why := schema.Check("list", value.List(texts...))
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	if !strings.Contains(why, "list[999]: ") || !strings.Contains(why, "(which takes too long to check)") {
		t.Errorf("%.300s", why)
	}
}

// TestFormats: they are checked whatever the draft.
func TestFormats(t *testing.T) {
	for _, draft := range []string{"", `"$schema":"http://json-schema.org/draft-07/schema#",`, `"$schema":"https://json-schema.org/draft/2020-12/schema",`} {
		for format, texts := range map[string][2]string{
			"email": {"a@example.com", "nobody"}, "date": {"2026-02-28", "2026-02-30"}, "uuid": {"123e4567-e89b-12d3-a456-426614174000", "123"}, "ipv4": {"127.0.0.1", "300.0.0.1"},
		} {
			schema, err := jsonschema.Compile([]byte(`{` + draft + `"type":"string","format":"` + format + `"}`))
			if err != nil {
				t.Fatal(err)
			}
			if why := schema.Check("text", value.String(texts[0])); why != "" {
				t.Errorf("%s%s: %s", draft, format, why)
			}
			if schema.Check("text", value.String(texts[1])) == "" {
				t.Errorf("%s%s: %q matches", draft, format, texts[1])
			}
		}
	}
}

// TestNullable: the keyword of OpenAPI does nothing, and what does it is said where it is noticed.
func TestNullable(t *testing.T) {
	schema, err := jsonschema.Compile([]byte(`{"properties":{"a":{"type":"string","nullable":true},"nullable":{"type":"string","nullable":false},"b":{"items":{"nullable":true}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"schema.properties.a", "schema.properties.b.items"}; !slices.Equal(schema.Nullable, want) {
		t.Errorf("nullable: %v", schema.Nullable)
	}
	null, err := value.Parse([]byte(`{"a":null}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := schema.Check("answer", null), `answer.a: got null, want string; "nullable" is a keyword of OpenAPI 3.0; JSON Schema has "type": ["string", "null"]`; got != want {
		t.Errorf("got %s", got)
	}
	if got := schema.Check("answer", value.String("x")); got != "" {
		t.Errorf("got %s", got)
	}
}

func TestRewrite(t *testing.T) {
	schema, err := value.Parse([]byte(`{"properties":{"pattern":{"type":"string"},"a":{"items":{"anyOf":[true,{"const":{"type":1.0}}]}}},"additionalProperties":false}`))
	if err != nil {
		t.Fatal(err)
	}
	var places []string
	same := jsonschema.Rewrite("schema", schema, func(place string, schema value.Value) value.Value {
		places = append(places, place)
		return schema
	})
	if string(same.JSON()) != string(schema.JSON()) {
		t.Errorf("%s became %s", schema.JSON(), same.JSON())
	}
	want := []string{"schema.properties.pattern", "schema.properties.a.items.anyOf[0]", "schema.properties.a.items.anyOf[1]", "schema.properties.a.items",
		"schema.properties.a", "schema.additionalProperties", "schema"}
	if !slices.Equal(places, want) {
		t.Errorf("places %v", places)
	}
}

// TestLargePatterns: one of these took seconds and gigabytes in Go's engine, and is left to the other. One that is too large for that
// too is not checked.
func TestLargePatterns(t *testing.T) {
	large := "(?:" + strings.Repeat("a", 3000) + "){1000}"
	for pattern, unchecked := range map[string]bool{
		large: false, strings.Repeat("(", 6000) + "a" + strings.Repeat(")", 6000): true, strings.Repeat("(?=a", 2000) + strings.Repeat(")", 2000): true,
		"(?=a)" + strings.Repeat("a", 1<<20): true, strings.Repeat("(?=a", 900) + strings.Repeat(")", 900): false,
	} {
		text := `{"type": "object", "properties": {"a": {"pattern": "` + pattern + `"}, "b": {"pattern": "^b{500}$"}}}`
		schema, err := jsonschema.Compile([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(schema.Unchecked, pattern) != unchecked {
			t.Errorf("%.60q: unchecked: %v", pattern, !unchecked)
		}
	}
	schema, err := jsonschema.Compile([]byte(`{"pattern":"^` + large + `$"}`))
	if err != nil {
		t.Fatal(err)
	}
	if schema.Check("text", value.String(strings.Repeat("a", 3_000_000))) != "" || schema.Check("text", value.String(strings.Repeat("a", 2_999_999))) == "" {
		t.Error("a large pattern is not checked")
	}
}

func TestMessagesKeepDigits(t *testing.T) {
	for _, test := range []struct{ schema, value, want string }{
		{`{"maximum":9007199254740992}`, `9007199254740993`, "n: maximum: got 9007199254740993, want 9007199254740992"},
		{`{"minimum":-9007199254740992}`, `-9007199254740993`, "n: minimum: got -9007199254740993, want -9007199254740992"},
		{`{"exclusiveMaximum":0.1234567890123456789}`, `0.1234567890123456789`, "n: exclusiveMaximum: got 0.1234567890123456789, want 0.1234567890123456789"},
		{`{"exclusiveMinimum":1e400}`, `12e399`, ""},
		{`{"exclusiveMinimum":1e400}`, `-12e399`, "n: exclusiveMinimum: got -12e399, want 1e400"},
		{`{"maximum":1e-400}`, `12e-400`, "n: maximum: got 12e-400, want 1e-400"},
		{`{"multipleOf":1000000}`, `1234567`, "n: multipleOf: got 1234567, want 1000000"},
		{`{"maximum":1}`, strings.Repeat("7", 5000), "n: maximum: got " + strings.Repeat("7", 100) + "…, want 1"},
		{`{"maximum":1}`, strings.Repeat("7", 60), "n: maximum: got " + strings.Repeat("7", 60) + ", want 1"},
		{`{"enum":[9007199254740993]}`, `9007199254740992`, "n: value must be 9007199254740993"},
		{`{"maxLength":1000}`, `"` + strings.Repeat("x", 12345) + `"`, "n: maxLength: got 12345, want 1000"},
		{`{"minItems":1000}`, `[1]`, "n: minItems: got 1, want 1000"},
	} {
		schema, err := jsonschema.Compile([]byte(test.schema))
		if err != nil {
			t.Fatal(err)
		}
		v, err := value.Parse([]byte(test.value))
		if err != nil {
			t.Fatal(err)
		}
		if got := schema.Check("n", v); got != test.want {
			t.Errorf("%s of %.40s\ngot  %s\nwant %s", test.schema, test.value, got, test.want)
		}
	}
}
