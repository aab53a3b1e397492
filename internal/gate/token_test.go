package gate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheTokenIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.token")
	first, err := LoadToken(path)
	must(t, err)
	if len(first) != 43 {
		t.Errorf("the token has %d characters, want 32 bytes in base64", len(first))
	}
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("its file has mode %v, want 0600", info.Mode())
	}
	again, err := LoadToken(path)
	must(t, err)
	if again != first {
		t.Error("the second start has another token")
	}
	if other, err := LoadToken(filepath.Join(t.TempDir(), "x.token")); err != nil || other == first {
		t.Errorf("another home has the same token (%v)", err)
	}
}

func TestATokenThatCannotBeUsedIsReplaced(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"others can read it": func(path string) error { return os.Chmod(path, 0o644) },
		"it is empty":        func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"it is short":        func(path string) error { return os.WriteFile(path, []byte("c2hvcnQ"), 0o600) },
		"it is no token":     func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("?", 43)), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.token")
			before, err := LoadToken(path)
			must(t, err)
			must(t, spoil(path))
			after, err := LoadToken(path)
			must(t, err)
			info, err := os.Stat(path)
			must(t, err)
			if after == before || len(after) != 43 || info.Mode().Perm() != 0o600 {
				t.Errorf("token of %d characters, the same: %t, mode %v", len(after), after == before, info.Mode())
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
