package engine

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/home"
)

// helperHome is set in a process that this test binary starts of itself, to be another process of the home it names.
const helperHome = "GLEITZEIT_TEST_HELPER_HOME"

// helperRun is set to the id of a run that such a process makes before it exits, as a command does.
const helperRun = "GLEITZEIT_TEST_HELPER_RUN"

func TestMain(m *testing.M) {
	if path := os.Getenv(helperHome); path != "" {
		if size := os.Getenv(smallDisk); size != "" {
			os.Exit(helperOnSmallDisk(path, size))
		}
		os.Exit(helper(path, os.Getenv(helperRun)))
	}
	os.Exit(m.Run())
}

// helper joins the engine. It makes a run if it has an id for one; otherwise it says on stdout whether it holds the engine, and
// waits until stdin ends. It exits without stopping the engine.
func helper(path, run string) int {
	if err := help(context.Background(), path, run); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func help(ctx context.Context, path, run string) error {
	folder, err := home.Open(path)
	if err != nil {
		return err
	}
	e, err := Join(ctx, Options{Home: folder, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return err
	}
	defer e.Close()
	if run == "" {
		fmt.Printf("holder=%t\n", e.Holder())
		_, err = io.Copy(io.Discard, os.Stdin)
		return err
	}
	c, err := e.Client(ctx, nil)
	if err != nil {
		return err
	}
	_, err = runWith(ctx, c, run)
	return err
}

// process is another process of a home.
type process struct {
	t       *testing.T
	command *exec.Cmd
	stdin   io.WriteCloser
	stdout  *bufio.Reader
	stderr  strings.Builder
}

func startProcess(t *testing.T, path string) *process {
	t.Helper()
	p := &process{t: t, command: exec.Command(os.Args[0])}
	p.command.Env = append(os.Environ(), helperHome+"="+path)
	p.command.Stderr = &p.stderr
	stdin, err := p.command.StdinPipe()
	must(t, err)
	stdout, err := p.command.StdoutPipe()
	must(t, err)
	p.stdin, p.stdout = stdin, bufio.NewReader(stdout)
	must(t, p.command.Start())
	t.Cleanup(func() {
		if p.command.ProcessState == nil {
			p.kill()
		}
	})
	return p
}

// holds waits until the process has joined.
func (p *process) holds() bool {
	p.t.Helper()
	line, err := p.stdout.ReadString('\n')
	if err != nil {
		p.t.Fatalf("the other process ended: %v\n%s", err, p.stderr.String())
	}
	return line == "holder=true\n"
}

func (p *process) kill() {
	p.t.Helper()
	must(p.t, p.command.Process.Kill())
	if err := p.command.Wait(); err == nil {
		p.t.Error("a killed process exited with 0")
	}
}

func (p *process) exit() {
	p.t.Helper()
	must(p.t, p.stdin.Close())
	if err := p.command.Wait(); err != nil {
		p.t.Errorf("the other process: %v\n%s", err, p.stderr.String())
	}
	if p.stderr.Len() > 0 {
		p.t.Errorf("the other process wrote to stderr: %s", p.stderr.String())
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func testHome(t testing.TB) *home.Home {
	t.Helper()
	h, err := home.Open(t.TempDir())
	must(t, err)
	return h
}

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// join joins the engine of the home until the test ends.
func join(t testing.TB, h *home.Home) *Engine {
	t.Helper()
	e, err := Join(testContext(t), Options{Home: h, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	must(t, err)
	t.Cleanup(func() { stop(t, e) })
	return e
}

func stop(t testing.TB, e *Engine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := e.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// eventually waits for a condition that nobody announces.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	ctx := testContext(t)
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain: %s", what)
		case <-ticker.C:
		}
	}
}
