package secretsource

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, path, text string) string {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func environment(variables map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { value, found := variables[name]; return value, found }
}

func wants(t testing.TB, s Sources, name, want string) {
	t.Helper()
	if got, found, err := s.Lookup(name); err != nil || !found || got != want {
		t.Errorf("%s: %q, %v, %v; want %q", name, got, found, err, want)
	}
}

func TestTheFirstSourceDecides(t *testing.T) {
	dir := t.TempDir()
	variables := map[string]string{"GLEITZEIT_SECRET_A": "environment"}
	s := Sources{
		Env: environment(variables), Dir: filepath.Join(dir, "secrets"),
		Environ:  func() []string { return []string{"GLEITZEIT_SECRET_A=environment", "GLEITZEIT_SECRET_=x", "HOME=/"} },
		EnvFiles: []string{write(t, filepath.Join(dir, "first.env"), "A=1\nB=1\nC=1\nD=1\n"), write(t, filepath.Join(dir, "second.env"), "GLEITZEIT_SECRET_C=2\nC=3\n")},
	}
	for _, name := range []string{"A", "B"} {
		write(t, filepath.Join(s.Dir, name), "folder")
	}
	for name, want := range map[string]string{"A": "environment", "B": "folder", "C": "2", "D": "1"} {
		wants(t, s, name, want)
	}
	if _, found, err := s.Lookup("E"); found || err != nil {
		t.Errorf("E: %v, %v", found, err)
	}
	want := "SECRET  FROM\n" +
		"A       GLEITZEIT_SECRET_A (ignored: DIR/secrets/A, DIR/first.env)\n" +
		"B       DIR/secrets/B (ignored: DIR/first.env)\n" +
		"C       DIR/second.env (ignored: DIR/first.env)\n" +
		"D       DIR/first.env\n"
	listing := s.List()
	if got := strings.ReplaceAll(listing.Text(), dir, "DIR"); got != want || len(listing.Warnings) > 0 || listing.Problem() != nil {
		t.Errorf("got\n%swant\n%s%q", got, want, listing.Warnings)
	}
	missing := listing.Of([]string{"D", "E", "D"})
	const problem = `the secret "E" is not set (set one of these where the worker runs: GLEITZEIT_SECRET_E, DIR/secrets/E, E in DIR/second.env, E in DIR/first.env)`
	if err := missing.Problem(); len(missing.Secrets) != 2 || err == nil || strings.ReplaceAll(err.Error(), dir, "DIR") != problem {
		t.Errorf("%+v, %v", missing.Secrets, err)
	}
}

// Kubernetes replaces the link ..data when a secret changes; the mount itself stays.
func TestAMountOfKubernetesIsReadAnew(t *testing.T) {
	dir := t.TempDir()
	s := Sources{Env: environment(nil), Dir: dir}
	write(t, filepath.Join(dir, "..2026_01", "TOKEN"), "first\n")
	write(t, filepath.Join(dir, "..2026_02", "TOKEN"), "second\n\n")
	must(t, os.Symlink("..2026_01", filepath.Join(dir, "..data")))
	must(t, os.Symlink(filepath.Join("..data", "TOKEN"), filepath.Join(dir, "TOKEN")))
	wants(t, s, "TOKEN", "first")
	must(t, os.Symlink("..2026_02", filepath.Join(dir, "..data_tmp")))
	must(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	wants(t, s, "TOKEN", "second\n") // One line break is cut.
	if l := s.List(); len(l.Secrets) != 1 || len(l.Warnings) > 0 {
		t.Errorf("%+v", l)
	}
	wants(t, Sources{Env: environment(nil), Dir: write(t, filepath.Join(dir, "TOKEN2"), "crlf\r\n")[:len(dir)]}, "TOKEN2", "crlf")
}

// What cannot be read is an error, with the file and the reason. A secret is then not taken from elsewhere.
func TestFilesThatCannotBeRead(t *testing.T) {
	outside := t.TempDir()
	dir := filepath.Join(outside, "secrets")
	fallback := write(t, filepath.Join(outside, ".env"), "LINK=x\nABSOLUTE=x\nPIPE=x\nFOLDER=x\nLARGE=x\nBINARY=x\nDANGLING=x\n")
	const hidden = "swordfish"
	write(t, filepath.Join(outside, "secret"), hidden)
	write(t, filepath.Join(dir, "LARGE"), hidden+strings.Repeat("x", MaxSize))
	write(t, filepath.Join(dir, "BINARY"), hidden+"\xff")
	write(t, filepath.Join(dir, "FOLDER", "x"), hidden)
	must(t, os.Symlink(filepath.Join("..", "secret"), filepath.Join(dir, "LINK")))
	must(t, os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, "ABSOLUTE")))
	must(t, os.Symlink("nowhere", filepath.Join(dir, "DANGLING")))
	must(t, syscall.Mkfifo(filepath.Join(dir, "PIPE"), 0o600))
	s := Sources{Env: environment(nil), Dir: dir, EnvFiles: []string{fallback}}
	for name, why := range map[string]string{
		"LINK": "path escapes from parent", "ABSOLUTE": "path escapes from parent", "DANGLING": "no such file or directory",
		"PIPE": "not a regular file", "FOLDER": "not a regular file", "LARGE": "the file is larger than 1 MiB", "BINARY": "the file is not UTF-8 text",
	} {
		value, found, err := s.Lookup(name)
		want := `cannot read the secret in "` + filepath.Join(dir, name) + `": ` + why
		if err == nil || protocol.AsError(err, protocol.InternalError).Message != want || found || value != "" {
			t.Errorf("%s: %q, %v, %v\nwant %s", name, value, found, err, want)
		}
		if err != nil && strings.Contains(err.Error(), hidden) {
			t.Errorf("%s: the value is in %v", name, err)
		}
	}
	for _, name := range []string{"../secret", "..data", "a-b", "", "FOLDER/x"} {
		if value, found, err := s.Lookup(name); found || err != nil || value != "" {
			t.Errorf("%q: %q, %v, %v", name, value, found, err)
		}
	}
}

func TestEnvFiles(t *testing.T) {
	dir := t.TempDir()
	text := "# A comment\nexport PLAIN=a b # and another\nDOLLAR=pa$$wo${x}rd$PLAIN\nHASH=pa#ss\nSINGLE='a \"b\" $c \\n # d'\nDOUBLE=\"a\\n$HOME\"\n" +
		"LINES=\"a\nb\"\nEMPTY=\nÜ=1\na.b=1\nUML=ü # x\n"
	s := Sources{Env: environment(map[string]string{"HOME": "/root", "PLAIN": "x"}), EnvFiles: []string{write(t, filepath.Join(dir, ".env"), text)}}
	for name, want := range map[string]string{
		"PLAIN": "a b", "DOLLAR": "pa$$wo${x}rd$PLAIN", "HASH": "pa#ss", "SINGLE": `a "b" $c \n # d`, "DOUBLE": "a\n$HOME", "LINES": "a\nb", "EMPTY": "", "UML": "ü",
	} {
		wants(t, s, name, want)
	}
	if _, set := os.LookupEnv("SINGLE"); set {
		t.Error("a secret is in the environment of the process")
	}
	must(t, os.Chmod(s.EnvFiles[0], 0o644))
	if l := s.List(); !slices.Equal(l.Warnings, []string{`other users can read "` + s.EnvFiles[0] + "\": `chmod 600` it"}) {
		t.Errorf("%q", l.Warnings)
	}
	for broken, want := range map[string]string{"A=1\nB='swordfish": ":2", "A=1\nsword fish=1": ":2", "sword!fish=swordfish": ":1", "A=\"swordfish": ":1"} {
		s.EnvFiles = []string{write(t, filepath.Join(dir, "broken"), broken)}
		_, _, err := s.Lookup("A")
		if err == nil || !strings.HasPrefix(err.Error(), `cannot read the secrets in "`+s.EnvFiles[0]+want+`": invalid syntax`) || strings.Contains(err.Error(), "fish") {
			t.Errorf("%q: %v", broken, err)
		}
	}
	s.EnvFiles = []string{filepath.Join(dir, "nowhere")}
	if _, _, err := s.Lookup("A"); err == nil || !strings.Contains(err.Error(), "no such file or directory") {
		t.Error(err)
	}
}
