// Package stories_test starts the built program as its users do and looks at what they see: standard output, standard
// error, exit codes, and the home folder. It must not import a package of this module that links the Temporal server;
// it has a folder of its own because a test beside main.go would link the program.
package stories_test

import (
	"flag"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// The names by which stories call what programtest has.
var (
	program    = programtest.Path
	begin      = programtest.Begin
	eventually = programtest.Eventually
	hasLine    = programtest.HasLine
	must       = programtest.Must
	write      = programtest.Write
	read       = programtest.Read
	exists     = programtest.Exists
	root       = programtest.Root()
)

const patience = programtest.Patience

type process = programtest.Process

// user is a programtest.User to whom stories add what they need.
type user struct{ *programtest.User }

func newUser(t testing.TB) *user {
	t.Helper()
	return &user{programtest.NewUser(t)}
}

// atOnce is how many tests run side by side on a small machine, without -test.parallel. They wait for other
// processes, and for timeouts, more than they compute.
const atOnce = 3

func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given && runtime.GOMAXPROCS(0) < atOnce {
		if err := flag.Set("test.parallel", strconv.Itoa(atOnce)); err != nil {
			panic(err)
		}
	}
	os.Exit(programtest.Main(m, ollamatest.Stop))
}

// wantLines wants lines, or other pieces of text, in an output.
func wantLines(t testing.TB, what, got string, want ...string) {
	t.Helper()
	for _, line := range want {
		if !strings.Contains(got, line) {
			t.Errorf("%s has no %q:\n%s", what, line, got)
		}
	}
}

// between is the text after one mark and before the next.
func between(text, from, to string) string {
	_, rest, _ := strings.Cut(text, from)
	inside, _, _ := strings.Cut(rest, to)
	return inside
}
