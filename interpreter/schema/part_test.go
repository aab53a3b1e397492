package schema_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/schema"
)

func TestEveryKeyIsFoundByEachOfItsNames(t *testing.T) {
	found := 0
	var walk func(before string, keys []definition.Key)
	walk = func(before string, keys []definition.Key) {
		for _, key := range keys {
			for _, name := range key.Names {
				path, got, err := schema.Part(before + name)
				if err != nil || path != before+key.Name() || got.Name() != key.Name() {
					t.Errorf("%s: %q, %q, %v", before+name, path, got.Names, err)
				}
				found++
			}
			walk(before+key.Name()+".", key.Keys)
		}
	}
	walk("", definition.Language())
	if found < 40 {
		t.Errorf("%d names were looked for", found)
	}
}

func TestEveryKeyIsToldInASentence(t *testing.T) {
	var walk func(before string, keys []definition.Key)
	walk = func(before string, keys []definition.Key) {
		for _, key := range keys {
			if about := key.About; !strings.HasSuffix(about, ".") || strings.ContainsAny(about, "\n\t") || about[0] < 'A' || about[0] > 'Z' {
				t.Errorf("%s%s: %q is no sentence on one line", before, key.Name(), about)
			}
			if key.Takes == "" {
				t.Errorf("%s%s does not say what it takes", before, key.Name())
			}
			walk(before+key.Name()+".", key.Keys)
		}
	}
	walk("", definition.Language())
}

func TestUnknownParts(t *testing.T) {
	for path, want := range map[string]string{
		"taks":           `unknown key "taks" in a workflow; did you mean "tasks"?`,
		"tasks.dependon": `unknown key "dependon" in tasks; did you mean "tasks.depends_on"?`,
		"tasks..id":      `unknown key "" in tasks; available: id, name`,
		"name.first":     `unknown key "first" in name; it contains no keys`,
		"tasks.retry.":   `unknown key "" in tasks.retry; available: max_attempts, backoff`,
	} {
		_, _, err := schema.Part(path)
		var refused *protocol.Error
		if !errors.As(err, &refused) || refused.Code != protocol.InvalidParams {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if got := refused.Message + "; " + refused.Hint; !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, not %s", path, got, want)
		}
	}
}
