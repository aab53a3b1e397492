package jsonschema_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/jsonschema"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

func TestPatterns(t *testing.T) {
	for _, test := range []struct {
		pattern            string // As JSON.
		valid, unchecked   bool
		matching, mismatch string
	}{
		{`"^[a-z]+$"`, true, false, "abc", "A"},
		{`"^\\u00e4$"`, true, false, "ä", "a"},
		{`"^\\\\u0041$"`, true, false, `\u0041`, "A"},
		{`"^\\\\\\u0041$"`, true, false, `\A`, `\u0041`},
		{`"^(?=.*[0-9]).+$"`, true, true, "no digit", ""},
		{`"^(?!x)(?<!y).$"`, true, true, "x", ""},
		{`"^(a)\\1$"`, true, true, "ab", ""},
		{`"^a{1,1001}$"`, true, true, "b", ""},
		{`"("`, false, false, "", ""},
		{`"[a"`, false, false, "", ""},
	} {
		schema, err := jsonschema.Compile([]byte(`{"type":"string","pattern":` + test.pattern + `}`))
		if err != nil || !test.valid {
			if test.valid != (err == nil) {
				t.Errorf("%s: %v", test.pattern, err)
			}
			continue
		}
		if unchecked := len(schema.Unchecked) > 0; unchecked != test.unchecked {
			t.Errorf("%s: unchecked: %v", test.pattern, schema.Unchecked)
		}
		if why := schema.Check("text", value.String(test.matching)); why != "" {
			t.Errorf("%s: %s", test.pattern, why)
		}
		if test.mismatch != "" && schema.Check("text", value.String(test.mismatch)) == "" {
			t.Errorf("%s matches %q", test.pattern, test.mismatch)
		}
	}
}

func TestFormats(t *testing.T) {
	const text = `{"type":"string","format":"email"}`
	for _, test := range []struct {
		compile func([]byte) (*jsonschema.Schema, error)
		checked bool
	}{{jsonschema.Compile, false}, {jsonschema.CompileWithFormats, true}} {
		schema, err := test.compile([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if why := schema.Check("text", value.String("nobody")); (why != "") != test.checked {
			t.Errorf("checked is %v: %q", test.checked, why)
		}
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

// TestLargePatterns: one of these took seconds and gigabytes. A pattern that is too large is not checked, as one that Go does not
// support.
func TestLargePatterns(t *testing.T) {
	large := "(?:" + strings.Repeat("a", 3000) + "){1000}"
	text := `{"type": "object", "properties": {"a": {"pattern": "` + large + `"}, "b": {"pattern": "^b{500}$"}}}`
	schema, err := jsonschema.Compile([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(schema.Unchecked, []string{large}) {
		t.Errorf("unchecked: %.60q", schema.Unchecked)
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
