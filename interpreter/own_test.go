package interpreter_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter"
)

// What one task sets is its own: all that the others have stays as it is without it.
func TestWhatATaskSetsChangesNoOther(t *testing.T) {
	const plain = "name: x\ntasks:\n  - {id: a, method: mcp/tool.add, parameters: {a: 1, b: 2}KEYS}\n  - {id: b, method: mcp/tool.add, parameters: {a: 1, b: 2}}\n"
	want, found := compile([]byte(strings.Replace(plain, "KEYS", "", 1)))
	if want == nil {
		t.Fatal(listed(found))
	}
	for _, keys := range []string{
		", retry: {max_attempts: 9, backoff: fixed, base_delay: 7, max_delay: 8, jitter: true}", ", timeout: 3", ", priority: urgent",
	} {
		for range 3 {
			got, found := compile([]byte(strings.Replace(plain, "KEYS", keys, 1)))
			if got == nil {
				t.Fatal(listed(found))
			}
			other, same := *got, *want
			other.Tasks, same.Tasks = got.Tasks[1:], want.Tasks[1:]
			if !bytes.Equal(shown(t, &other), shown(t, &same)) {
				t.Errorf("with%s the other task is\n%s", keys, shown(t, &other))
			}
			if bytes.Equal(shown(t, got), shown(t, want)) {
				t.Errorf("%s changes nothing", keys)
			}
		}
	}
}

// Without a timeout of its own, a call of a model has the time that models take.
func TestModelsHaveTime(t *testing.T) {
	for _, spec := range realSpecs() {
		for _, method := range spec.Methods {
			if strings.HasPrefix(method.Name, "llm/") && method.Timeout < 10*time.Minute {
				t.Errorf("%s has %s", method.Name, method.Timeout)
			}
		}
	}
	in := input([]byte("name: x\ntasks: [{id: a, method: llm/chat, parameters: {model: m, prompt: hello}}]\n"))
	in.Specs = realSpecs()
	if p, found := interpreter.Compile(in); p == nil || p.Tasks[0].Timeout < protocol.Seconds(10*time.Minute/time.Second) {
		t.Errorf("%+v %s", p, listed(found))
	}
}
