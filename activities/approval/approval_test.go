package approval

import (
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

func parsed(t *testing.T, text string) value.Value {
	t.Helper()
	v, err := value.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// What nobody enters has the default of its property, and is then checked as if it had been entered.
func TestDefaultsOfProperties(t *testing.T) {
	schema := parsed(t, `{"properties": {"price": {"type": "integer", "default": 250}, "note": {"type": "string"}, "to": {"default": null}}, "required": ["price"]}`)
	for given, want := range map[string]string{
		`{}`:                            `{"price":250}`,
		`{"note": "dear"}`:              `{"note":"dear","price":250}`,
		`{"price": 1, "note": "cheap"}`: `{"price":1,"note":"cheap"}`,
	} {
		entered := parsed(t, given)
		values, err := Check(&protocol.Approval{Schema: &schema}, "values", &entered)
		if err != nil || string(values.JSON()) != want {
			t.Errorf("%s: %s, %v; want %s", given, values.JSON(), err, want)
		}
	}
	if values, err := Check(&protocol.Approval{Schema: &schema}, "values", nil); err != nil || string(values.JSON()) != `{"price":250}` {
		t.Errorf("nothing: %s, %v", values.JSON(), err)
	}
}

// The default of the task counts with the defaults of properties, too.
func TestTheDefaultOfTheTask(t *testing.T) {
	asked, err := New(parsed(t, `{"message": "Pay?", "schema": {"properties": {"price": {"type": "integer", "default": 250}}, "required": ["price"]}, "default": {}}`))
	if err != nil || string(asked.Default.JSON()) != `{"price":250}` {
		t.Errorf("%+v, %v", asked, err)
	}
}

// A default that its property does not allow would fail each answer without it.
func TestADefaultThatItsPropertyDoesNotAllow(t *testing.T) {
	given := parsed(t, `{"message": "Pay?", "schema": {"properties": {"sum": {"type": "integer", "default": "much"}, "to": {"$ref": "#/$defs/x", "default": 1}}, "$defs": {"x": {"type": "string"}}}}`)
	problems := check(given, nil)
	if len(problems) != 1 || problems[0].Parameter != "schema" || problems[0].Message != "schema.properties.sum.default: got string, want integer" || problems[0].Hint == "" {
		t.Errorf("%+v", problems)
	}
	if problems := check(given, []string{"schema"}); len(problems) != 0 {
		t.Errorf("of a schema with references: %+v", problems)
	}
}
