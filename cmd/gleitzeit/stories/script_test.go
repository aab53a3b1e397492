package stories_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs the stories of testdata/script. Beside the commands of testscript there are
//
//	gleitzeit ARGUMENT…        runs the program; it must succeed (with !, fail)
//	exits CODE ARGUMENT…       runs the program; it must end with the exit code
//	document FILE FIELD=VALUE… FILE (or stdout) has the JSON of a run; fields: status, tasks (id status, …), output.NAME
//	appears FILE               waits until there is the file
//	holds FILE TEXT            waits until the text is in the file
//	replace FILE OLD NEW       replaces OLD by NEW in the file
//	remember NAME FILE         sets the variable to the text of FILE (or stdout), without spaces around it
func TestScripts(t *testing.T) {
	t.Parallel()
	examples, err := filepath.Abs(filepath.Join(root, "examples"))
	must(t, err)
	programs := filepath.Dir(program(t))
	testscript.Run(t, testscript.Params{
		Dir:                 "../testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("GLEITZEIT_TEST_UPDATE") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", programs+string(filepath.ListSeparator)+e.Getenv("PATH"))
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("GLEITZEIT_HOME", filepath.Join(e.WorkDir, "home", "gleitzeit"))
			e.Setenv("EXAMPLES", examples)
			e.Setenv("LANG", "C.UTF-8")
			return os.Mkdir(filepath.Join(e.WorkDir, "home"), 0o755)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"gleitzeit": scriptGleitzeit,
			"exits":     scriptExits,
			"document":  scriptDocument,
			"appears":   scriptAppears,
			"holds":     scriptHolds,
			"replace":   scriptReplace,
			"remember":  scriptRemember,
		},
	})
}

func scriptGleitzeit(ts *testscript.TestScript, negated bool, args []string) {
	if err := ts.Exec("gleitzeit", args...); (err != nil) != negated {
		ts.Fatalf("gleitzeit %v: %v", args, err)
	}
}

func scriptExits(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) == 0 {
		ts.Fatalf("usage: exits CODE ARGUMENT…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec("gleitzeit", args[1:]...)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func scriptDocument(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) == 0 {
		ts.Fatalf("usage: document FILE FIELD=VALUE…")
	}
	run, err := parseRun(ts.ReadFile(args[0]))
	ts.Check(err)
	for _, arg := range args[1:] {
		field, want, _ := strings.Cut(arg, "=")
		got, name, isOutput := "", "", false
		switch field {
		case "status":
			got = *run.Status
		case "tasks":
			got = strings.Join(run.statuses(), ", ")
		default:
			if name, isOutput = strings.CutPrefix(field, "output."); !isOutput {
				ts.Fatalf("no field %q", field)
			}
			var compact bytes.Buffer
			ts.Check(json.Compact(&compact, run.Outputs[name]))
			got = compact.String()
		}
		if got != want {
			ts.Fatalf("%s is %s, want %s", field, got, want)
		}
	}
}

func scriptAppears(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 1 {
		ts.Fatalf("usage: appears FILE")
	}
	awaitInScript(ts, args[0]+" appears", func() bool { return exists(ts.MkAbs(args[0])) })
}

func scriptHolds(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 2 {
		ts.Fatalf("usage: holds FILE TEXT")
	}
	awaitInScript(ts, args[0]+" holds "+args[1], func() bool {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && strings.Contains(string(text), args[1])
	})
}

func awaitInScript(ts *testscript.TestScript, what string, holds func() bool) {
	deadline := time.After(patience)
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-deadline:
			ts.Fatalf("it does not come to pass that %s", what)
		case <-ticker.C:
		}
	}
}

func scriptReplace(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 3 {
		ts.Fatalf("usage: replace FILE OLD NEW")
	}
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(text, args[1], args[2])), 0o644))
}

func scriptRemember(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 2 {
		ts.Fatalf("usage: remember NAME FILE")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}
