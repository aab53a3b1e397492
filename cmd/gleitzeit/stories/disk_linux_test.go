package stories_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
	"github.com/gleitzeit/gleitzeit/internal/require"
)

// noMount is the exit code of a shell that may not mount.
const noMount = 99

// onSmallDisk starts the program with its home on a disk of that size, in a mount namespace of its own.
func (u *user) onSmallDisk(size string, args ...string) *process {
	u.T.Helper()
	return u.startOnSmallDisk(size, append([]string{program(u.T)}, args...)...)
}

// onSmallDiskShell starts a shell there, whose arguments are the home and the program.
func (u *user) onSmallDiskShell(size, script string) *process {
	u.T.Helper()
	return u.startOnSmallDisk(size, "sh", "-c", script, "sh", u.Home, program(u.T))
}

func (u *user) startOnSmallDisk(size string, words ...string) *process {
	u.T.Helper()
	must(u.T, os.MkdirAll(u.Home, 0o700))
	const mount = `mount --make-rprivate / && mount -t tmpfs -o size="$1" none "$2" || exit "$3"; shift 3; exec "$@"`
	command := exec.Command("sh", append([]string{"-c", mount, "sh", size, u.Home, strconv.Itoa(noMount)}, words...)...)
	command.Dir, command.Env = u.Work, u.Environment()
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		command.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		command.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
	}
	// Whether that is allowed shows a shell that does nothing else.
	probe := exec.Command("sh", "-c", mount, "sh", size, u.Home, strconv.Itoa(noMount), "true")
	attributes := *command.SysProcAttr
	probe.SysProcAttr = &attributes
	if err := probe.Run(); err != nil {
		exit := (*exec.ExitError)(nil)
		if !errors.Is(err, syscall.EPERM) && (!errors.As(err, &exit) || exit.ExitCode() != noMount) {
			u.T.Fatal(err)
		}
		require.Skip(u.T, "this system lets no process mount a small disk of its own")
	}
	return begin(u.T, command)
}

// TestFullDiskAtTheStart says which disk is full and what to do.
func TestFullDiskAtTheStart(t *testing.T) {
	t.Parallel()
	for _, size := range []string{"8k", "64k", "256k", "700k", "1m"} {
		t.Run(size, func(t *testing.T) {
			t.Parallel()
			u := newUser(t)
			u.File("flow.yaml", "name: Full\ntasks: [{id: only, method: python/execute, parameters: {code: result = 1}}]\n")
			p := u.onSmallDisk(size, "run", "flow.yaml")
			// With a little more space the run starts: then the program reports the full disk, and waits for space.
			eventually(t, "it ends, or waits for room", func() bool {
				return !p.Running() || strings.Contains(p.Stderr.String(), "free some space")
			})
			if !p.Running() && p.Wait() == 0 {
				t.Fatalf("it runs on a disk of %s", size)
			}
			said := p.Stderr.String()
			if !strings.Contains(said, u.Home) {
				t.Errorf("it does not say where: %s", said)
			}
			if !strings.Contains(said, "full") && !strings.Contains(said, "no space left on device") {
				t.Errorf("it does not say that the disk is full: %s", said)
			}
			if !strings.Contains(said, "free some space") && !strings.Contains(said, "set GLEITZEIT_HOME or --home to a folder") {
				t.Errorf("it does not say what to do: %s", said)
			}
			if p.Stdout.String() != "" {
				t.Errorf("it prints %q", p.Stdout)
			}
		})
	}
}

// TestFullDiskWhileRunning: a run stops on a full disk with a message, continues when there is space, and repeats no
// finished task.
func TestFullDiskWhileRunning(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("step.py", step)
	u.File("flow.yaml", `
name: Filling
tasks:
  - id: before
    method: python/execute
    parameters: {file: step.py, context: {id: before, from: 40}}
  - id: gate
    method: python/execute
    dependencies: [before]
    parameters:
      code: |
        import os, time
        open("waiting", "w").close()
        while not os.path.exists("go"):
            time.sleep(0.01)
        result = ${before.result}
  - id: after
    method: python/execute
    parameters: {file: step.py, context: {id: after, from: "${gate.result}"}}
outputs: {after: "${after.result}"}
`)
	p := u.onSmallDisk("16m", "run", "flow.yaml")
	u.Appears("waiting")
	// The disk is the process's own; this is how others see it.
	filler := filepath.Join("/proc", strconv.Itoa(p.Command.Process.Pid), "root", u.Home, "filler")
	fill(t, filler)
	u.File("go", "")
	p.Says("is full (free some space, or set GLEITZEIT_HOME or --home to a folder on another disk, and start again: finished work is not lost)\n")
	must(t, os.Remove(filler))
	p.Exits(0)
	if p.Stdout.String() != "after: 42\n" {
		t.Errorf("the result is %q", p.Stdout)
	}
	if u.executions()["before"] != 1 {
		t.Errorf("what was finished before the disk was full was executed again: %v", u.executions())
	}
	if said := p.Stderr.String(); strings.Contains(said, "level=") {
		t.Errorf("what people are to do is lost among what the server says: %.2000s", said)
	}
}

// TestFullDisksAmongManyItems fills the disk of the home at random moments of many items, frees it, and kills the program.
func TestFullDisksAmongManyItems(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	server, err := testServer()
	must(t, err)
	u.Env = append(u.Env, "GLEITZEIT_CONFIG="+u.File("config.yaml", fmt.Sprintf("mcp: {servers: {test: {command: %q, env: {NOTES: %q}}}}\n", server, u.Work)))
	disk := u.startOnSmallDisk("256m", "tail", "-f", "/dev/null") // It keeps the disk while the program is killed.
	filler := filepath.Join("/proc", strconv.Itoa(disk.Command.Process.Pid), "root", u.Home, "filler")
	eventually(t, "the disk is mounted", func() bool { return u.beside(disk, "list").Wait() == 0 })
	test := programtest.ItemKills{
		User: u.User, Items: 2000, Kills: 4, InFlight: 4 * unstored, Task: markItem, Foreground: true,
		Start:   func(args ...string) *process { return u.beside(disk, args...) },
		Outages: []programtest.Outage{{Name: "disk", Begin: func() { fill(t, filler) }, End: func() { must(t, os.Remove(filler)) }, Hold: 3 * time.Second}},
	}
	test.Test(t)
}

// TestFullDiskOfAServer: a submission gets no response, and the server reports the reason.
func TestFullDiskOfAServer(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("sum.yaml", sum)
	server := u.onSmallDisk("16m", "server", "--no-ui")
	server.Prints("Ctrl-C stops it")
	fill(t, filepath.Join("/proc", strconv.Itoa(server.Command.Process.Pid), "root", u.Home, "filler"))
	submission := u.beside(server, "submit", "sum.yaml")
	server.Says("is full (free some space, or set GLEITZEIT_HOME or --home to a folder on another disk, and start again: finished work is not lost)\n")
	submission.Exits(7)
}

// beside starts the program where the disk of another process is seen.
func (u *user) beside(other *process, args ...string) *process {
	u.T.Helper()
	within := []string{"--target", strconv.Itoa(other.Command.Process.Pid), "--mount"}
	if os.Getuid() != 0 {
		within = append(within, "--user", "--preserve-credentials")
	}
	// The folder is entered there: nsenter's own --wd is a folder outside.
	command := exec.Command("nsenter", append(append(within, "--", "sh", "-c", `cd "$0" && exec "$@"`, u.Work, program(u.T)), args...)...)
	command.Env = u.Environment()
	return begin(u.T, command)
}

// TestFullDiskOfAnotherProcess: every command reports the full disk in the words of the process that runs the engine, and
// those that show what is recorded show it.
func TestFullDiskOfAnotherProcess(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("sum.yaml", sum)
	server := u.onSmallDisk("16m", "server", "--no-ui")
	server.Prints("Ctrl-C stops it")
	finished := u.beside(server, "submit", "--wait", "sum.yaml")
	finished.Exits(0)
	id := finished.RunID()
	fill(t, filepath.Join("/proc", strconv.Itoa(server.Command.Process.Pid), "root", u.Home, "filler"))
	const full = "engine.db\" is full"
	for _, test := range []struct {
		shows string
		args  []string
	}{
		{id, []string{"list"}},
		{id, []string{"status", id}},
		{"twice: 10", []string{"results", id}},
		{"1 completed", []string{"status"}},
		{id, []string{"graph", id}},
		{"", []string{"submit", "--wait=false", "sum.yaml"}},
		{"", []string{"run", "sum.yaml"}},
		{"", []string{"call", "python/execute", "code=result = 1"}},
	} {
		t.Run(strings.Join(test.args[:1], " "), func(t *testing.T) {
			p := u.beside(server, test.args...)
			code := p.Wait()
			if (code == 0) != (test.shows != "") || !strings.Contains(p.Stdout.String(), test.shows) {
				t.Errorf("exit code %d: %s", code, p.Stdout)
			}
			said := p.Stderr.String()
			if !strings.Contains(said, full) || !strings.Contains(said, "free some space, or set GLEITZEIT_HOME or --home to a folder on another disk") {
				t.Errorf("it does not say that the disk is full: %s", said)
			}
			if strings.Contains(said, "deadline") {
				t.Errorf("it says what the client sees: %s", said)
			}
		})
	}
}

// TestHomesThatCannotBeWritten: what is recorded can be shown from a disk that is full or read-only, after a clean end and
// after a kill.
func TestHomesThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, before, says string }{
		{"read-only", `mount -o remount,ro "$home"`, "read-only file system; showing what is recorded"},
		{"full", `dd if=/dev/zero of="$home/filler" bs=4096 2>/dev/null; cat /dev/zero >>"$home/filler" 2>/dev/null`, "is full; showing what is recorded"},
		{"read-only after a kill", `"$program" run sleeper.yaml >&2 & while [ ! -e pids ]; do :; done; kill -KILL $!; wait $!
			mount -o remount,ro "$home"`, "read-only file system; showing what is recorded"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			u := newUser(t)
			u.File("sum.yaml", sum)
			u.File("sleeper.yaml", sleeper)
			script := `home=$1 program=$2; "$program" run sum.yaml >&2 && id=$("$program" list -o jsonl 2>/dev/null | sed 's/.*"run":"\([^"]*\)".*/\1/')
				` + test.before + `
				"$program" list && "$program" status "$id" && "$program" results "$id"; echo "exit code $?"`
			shell := u.onSmallDiskShell("16m", script)
			shell.Wait()
			for _, shown := range []string{"RUN ", "  completed ", "✓", "twice: 10\n", "exit code 0\n"} {
				if !strings.Contains(shell.Stdout.String(), shown) {
					t.Errorf("it does not show %q: %s%s", shown, shell.Stdout, shell.Stderr)
				}
			}
			if !strings.Contains(shell.Stderr.String(), test.says) {
				t.Errorf("it does not say why: %s", shell.Stderr)
			}
		})
	}
}

// fill writes a file until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	file, err := os.Create(path)
	must(t, err)
	for size := 1 << 16; size > 0; {
		if _, err := file.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else {
			must(t, err)
		}
	}
	must(t, file.Close())
}
