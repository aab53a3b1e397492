package reference_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

func TestEnvAndSecretsAreRefusedWithoutALookup(t *testing.T) {
	_, err := reference.ResolveText("${env.HOME:-x}", &reference.Scope{})
	parameterError(t, err, `${env.HOME:-x}: "env" is only available in parameters`)
	_, err = reference.ResolveText("${secrets.key}", &reference.Scope{})
	parameterError(t, err, `${secrets.key}: "secrets" is only available in parameters`)
}

func TestVariablesTakeExactlyOneName(t *testing.T) {
	scope := everything(t)
	for _, steps := range [][]reference.Step{nil, {{Field: "key"}, {Field: "x"}}, {{IsIndex: true, Brackets: true}}, {{Every: true, Brackets: true}}} {
		_, err := reference.Lookup(&reference.Reference{Text: "${…}", Head: "secrets", Steps: steps, HasDefault: true}, scope)
		parameterError(t, err, `${…}: "secrets" must be followed by exactly one name, such as ${secrets.NAME}`)
	}
}

func TestLoadOnceForEachValue(t *testing.T) {
	large := val(t, `{"text": "long", "more": [1, 2]}`)
	ref := protocol.RefOf(large.JSON())
	var loaded []protocol.Ref
	scope := &reference.Scope{
		Bindings: []protocol.Binding{
			{Head: "big", Task: "big", Status: protocol.Completed, Value: protocol.Payload{Ref: &ref}},
			{Head: "Big One", Task: "big", Status: protocol.Completed, Value: protocol.Payload{Ref: &ref}},
			{Head: "big", Task: "second", Status: protocol.Failed},
		},
		Load: func(ref protocol.Ref) (value.Value, error) {
			loaded = append(loaded, ref)
			return large, nil
		},
	}
	got, err := reference.Resolve(val(t, `["${big.status}", "${big.text} ${Big One.more[1]}", "${big.more}"]`), scope)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, string(got.JSON()), `["completed","long 2",[1,2]]`)
	if _, err = reference.ResolveText("${big.text}", scope); err != nil {
		t.Fatal(err)
	}
	equal(t, loaded, []protocol.Ref{ref})
}

func TestInlineValuesAreNotLoaded(t *testing.T) {
	held, _ := protocol.NewPayload(val(t, `{"x": 1}`))
	scope := &reference.Scope{Bindings: []protocol.Binding{{Head: "t", Task: "t", Value: held}}}
	got, err := reference.ResolveText("${t.x}", scope)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, string(got.JSON()), "1")
}

func TestLoadingFails(t *testing.T) {
	down := protocol.Errorf(protocol.PersistenceFailed, "the store is away")
	ref := protocol.RefOf([]byte("null"))
	scope := &reference.Scope{
		Bindings: []protocol.Binding{{Head: "big", Task: "big", Value: protocol.Payload{Ref: &ref}}},
		Load:     func(protocol.Ref) (value.Value, error) { return value.Value{}, down },
	}
	_, err := reference.ResolveText("see ${big.x:-d}", scope)
	if !errors.Is(err, down) || err.Error() != "${big.x:-d}: the store is away" {
		t.Errorf("got %v", err)
	}
	scope.Load = nil
	_, err = reference.ResolveText("${big.x:-d}", scope)
	parameterError(t, err, "${big.x:-d}: the value of big is in the result store, which cannot be read here")
}

func TestBindingWithoutValue(t *testing.T) {
	scope := &reference.Scope{Bindings: []protocol.Binding{{Head: "inputs"}}}
	_, err := reference.ResolveText("${inputs.x}", scope)
	parameterError(t, err, "${inputs.x}: inputs has no value")
}

func TestManyFieldsAreCounted(t *testing.T) {
	var fields []value.Field
	for i := range 14 {
		fields = append(fields, value.Field{Name: fmt.Sprintf("f-%d", i), Value: value.Int(1)})
	}
	fields[1].Name = "a, b"
	fields[2].Name = strings.Repeat("n", 90)
	v := value.Object(fields...)
	scope := &reference.Scope{Bindings: []protocol.Binding{{Head: "inputs", Value: protocol.Payload{Inline: &v}}}}
	_, err := reference.ResolveText("${inputs.elsewhere}", scope)
	parameterError(t, err, `${inputs.elsewhere}: inputs has no field "elsewhere"; it has f-0, "a, b", "`+strings.Repeat("n", 80)+
		`…", f-3, f-4, f-5, f-6, f-7, f-8, f-9 and 4 more`)
}

func TestNoFields(t *testing.T) {
	scope := &reference.Scope{Bindings: []protocol.Binding{{Head: "t", Task: "t", Value: inline(t, `{"result": {}}`)}, {Head: "inputs", Value: inline(t, `{}`)}}}
	_, err := reference.ResolveText("${inputs.x}", scope)
	parameterError(t, err, `${inputs.x}: inputs has no field "x"; it has no fields`)
	_, err = reference.ResolveText("${t.result.x}", scope)
	parameterError(t, err, `${t.result.x}: t.result has no field "x"; it has no fields`)
}

func TestErrorsHoldNoSecret(t *testing.T) {
	scope := everything(t)
	_, err := reference.ResolveText("${env.HOME} ${secrets.key} ${llm.s3cr}", scope)
	parameterError(t, err, `${llm.s3cr}: llm has no field "s3cr"; it has response, model`)
	_, err = reference.Program("f('${secrets.key}', ${secrets.keys})", scope)
	parameterError(t, err, `${secrets.keys}: there is no secret "keys"`)
}
