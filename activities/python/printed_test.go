package python_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/python"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/redaction"
)

// What a script has printed is there however it ends without a result: the end of each stream.
func TestFailedScriptsKeepWhatTheyPrinted(t *testing.T) {
	alone := python.New(python.Options{NoFork: true})
	const both = "import os, sys, time\nprint('out', 1)\nprint('err', 2, file=sys.stderr)\n"
	lines := make([]string, 100)
	for i := range lines {
		lines[i] = fmt.Sprint("line ", i+50)
	}
	last100 := "…\n" + strings.Join(lines, "\n")
	for _, c := range []struct {
		name, code     string
		output, stderr string
		failure        protocol.Code
	}{
		{"an exception", both + "raise ValueError", "out 1", "err 2", protocol.TaskExecutionFailed},
		{"exit", both + "sys.exit(3)", "out 1", "err 2", protocol.TaskExecutionFailed},
		{"killed", both + "os.kill(os.getpid(), 9)", "out 1", "err 2", protocol.TaskExecutionFailed},
		{"a result that is no JSON", both + "result = 1j", "out 1", "err 2", protocol.TaskResultInvalid},
		{"its timeout", both + "time.sleep(600)", "out 1", "err 2", protocol.TaskTimeout},
		{"its timeout, busy", both + "while True: pass", "out 1", "err 2", protocol.TaskTimeout},
		{"a cancel", both + "open('here', 'w').close()\ntime.sleep(600)", "out 1", "err 2", protocol.TaskCancelled},
		{"nothing printed", "raise ValueError", "", "", protocol.TaskExecutionFailed},
		{"the last lines", "for i in range(150): print('line', i)\nraise ValueError", last100, "", protocol.TaskExecutionFailed},
		{"the last bytes", "print('a' * 100_000 + 'é' * 50_000 + '\\nz')\nraise ValueError", "…\nz", "", protocol.TaskExecutionFailed},
		{"the last bytes of one line", "import sys\nsys.stderr.write('é' * 50_000)\nraise ValueError", "", "…\n" + strings.Repeat("é", 32<<10), protocol.TaskExecutionFailed},
		{"of a process of its own", "import subprocess\nsubprocess.run(['echo', 'hi'])\nraise ValueError", "hi", "", protocol.TaskExecutionFailed},
	} {
		for name, handler := range map[string]*python.Handler{"forked": shared, "alone": alone} {
			t.Run(c.name+", "+name, func(t *testing.T) {
				t.Parallel()
				request := ofCode(t, c.code)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				switch c.failure {
				case protocol.TaskTimeout:
					ctx, cancel = context.WithTimeout(ctx, 2*time.Second)
					defer cancel()
				case protocol.TaskCancelled:
					go func() {
						eventually(t, "the script has printed", func() bool { return exists(request.Folder + "/here") })
						cancel()
					}()
				}
				result, err := handler.Handle(ctx, request, nil)
				if got := protocol.AsError(errorOr(err), 0).Code; got != c.failure {
					t.Errorf("got %v", err)
				}
				if got := result.Printed; got.Output != c.output || got.Stderr != c.stderr {
					t.Errorf("got %.80q and %.80q (%d and %d bytes)", got.Output, got.Stderr, len(got.Output), len(got.Stderr))
				}
			})
		}
	}
}

// A script is heard while it runs, without parts of characters, and with a line for each state of a progress bar.
func TestWhatAScriptPrintsIsPassedOn(t *testing.T) {
	for name, handler := range map[string]*python.Handler{"forked": shared, "alone": python.New(python.Options{NoFork: true})} {
		t.Run(name, func(t *testing.T) {
			request := ofCode(t, `
import os, sys, time
def wait(n):
    while not os.path.exists(str(n)): time.sleep(0.005)
print("one"); wait(1)
os.write(1, "é".encode()[:1]); wait(2)
os.write(1, "é".encode()[1:] + b"\r"); sys.stderr.write("10 %\r"); wait(3)
os.write(1, b"\n")
sys.stderr.write("20 %\r\nend")
result = 1`)
			var mu sync.Mutex
			var out, errs string
			got := func() string {
				mu.Lock()
				defer mu.Unlock()
				return out + "|" + errs
			}
			request.Print = func(text string, stderr bool) {
				mu.Lock()
				defer mu.Unlock()
				if stderr {
					errs += text
				} else {
					out += text
				}
			}
			ended := make(chan error, 1)
			go func() {
				_, err := handler.Handle(t.Context(), request, nil)
				ended <- err
			}()
			for i, want := range []string{"one\n|", "one\n|", "one\né\n|10 %\n"} {
				eventually(t, fmt.Sprintf("%q is passed on", want), func() bool { return got() == want })
				writeFile(t, request.Folder+"/"+fmt.Sprint(i+1))
			}
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			if want := "one\né\n|10 %\n20 %\nend"; got() != want {
				t.Errorf("got %q, want %q", got(), want)
			}
		})
	}
}

// No part of a secret is in what a failed script has printed.
func TestSecretsInWhatFailedScriptsPrinted(t *testing.T) {
	const secret = "hunter2'\n<S3cret>'value"
	secrets := &redaction.Set{}
	secrets.Add("[secrets.X]", secret)
	for _, code := range []string{
		`print("x"*%d + secret + "y"*(65536 - 12))`, `print(secret, *range(%d + 20), sep="\n")`, `sys.stderr.write((secret + "\n") * %d)`,
	} {
		for n := 70; n <= 110; n += 4 {
			request := ofCode(t, "import sys\nsecret = "+fmt.Sprintf("%q", secret)+"\n"+fmt.Sprintf(code, n)+"\nsys.exit(1)")
			request.Secrets = secrets
			result, err := shared.Handle(t.Context(), request, nil)
			if err == nil || result.Printed.Empty() {
				t.Fatalf("got %v", err)
			}
			for _, part := range []string{"hunter", "S3cret", "value"} {
				if printed := result.Printed.Output + result.Printed.Stderr; strings.Contains(printed, part) {
					t.Errorf("%s with %d: %q is in %.200q", code, n, part, printed)
				}
			}
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func writeFile(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}
