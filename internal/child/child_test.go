package child

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestEnvironment(t *testing.T) {
	set := map[string]string{"PATH": "/bin", "LC_TIME": "C", "TOKEN": "canary", "HTTP_PROXY": "", "FURTHER": "a=b"}
	lookup := func(name string) (string, bool) { value, is := set[name]; return value, is }
	got := Environment(lookup, "FURTHER", "HTTP_PROXY", "PATH", "MISSING")
	if want := []string{"PATH=/bin", "LC_TIME=C", "FURTHER=a=b", "HTTP_PROXY="}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestCommandHasNoOtherVariables(t *testing.T) {
	t.Setenv("GLEITZEIT_TEST_CANARY", "canary")
	for _, environment := range [][]string{nil, {"A=b"}, Environment(os.LookupEnv)} {
		output, err := Command(t.Context(), environment, "/usr/bin/env").Output()
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Fields(strings.TrimSpace(string(output)))
		if strings.Contains(string(output), "canary") || len(environment) == 1 && !slices.Equal(lines, environment) {
			t.Errorf("with %q it has %q", environment, lines)
		}
	}
}
