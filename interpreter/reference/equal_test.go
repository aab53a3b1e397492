package reference_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

func equal[T any](t *testing.T, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// value reads JSON.
func val(t *testing.T, text string) value.Value {
	t.Helper()
	v, err := value.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func inline(t *testing.T, text string) protocol.Payload {
	t.Helper()
	v := val(t, text)
	return protocol.Payload{Inline: &v}
}

// parameterError checks that err is a TASK_PARAMETER_ERROR that is never tried again, and what it says.
func parameterError(t *testing.T, err error, want string) {
	t.Helper()
	known, ok := errors.AsType[*protocol.Error](err)
	if !ok {
		t.Fatalf("got %v, want %s", err, want)
	}
	if known.Code != -29006 || known.Name != "TASK_PARAMETER_ERROR" || known.Kind != "permanent" {
		t.Errorf("code %d, name %s, kind %s", known.Code, known.Name, known.Kind)
	}
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err.Error(), want)
	}
}
