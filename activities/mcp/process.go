package mcp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"golang.org/x/sys/unix"
)

const (
	// goodbye is how long a program may take to end when its standard input has closed, and again after SIGTERM.
	goodbye = 2 * time.Second
	// orphaned is how long programs that the server started outlive it.
	orphaned = 500 * time.Millisecond
	// stuck is how long a program may not read what it is sent.
	stuck = 30 * time.Second
	// largest is how many bytes one message of a server may have: somewhat more than the largest value that is kept.
	largest = 96 << 20
)

// guard ends a server's programs when this process is gone, however it went: then its standard input ends. It leads their
// process group, so that the group's number means nobody else as long as it is there. Linux's parent-death signal would
// reach the first program alone, when a thread ends and not the process, and macOS has none.
const guard = `trap '' HUP INT TERM; read -r line; kill -TERM 0; sleep 1; kill -KILL 0`

// process is the program of a server with all that it started: a process group.
type process struct {
	command *exec.Cmd
	guard   *exec.Cmd
	control *os.File // Open as long as the group may live.
	stdin   *os.File
	stdout  *os.File
	stderr  *os.File
	said    said
	exited  chan struct{}
	ended   chan struct{}
	ending  chan struct{} // Has room for whoever ends it.
}

// dial starts the server's program, or connects to its address.
func dial(ctx context.Context, s *server) (*link, error) {
	if s.URL != "" {
		return dialHTTP(ctx, s)
	}
	var hide hidden
	env, err := expand(s.Env, s.Name, s.env, &hide)
	if err != nil {
		return nil, err
	}
	p, err := startProcess(s, env, hide)
	if err != nil {
		return nil, err
	}
	transport := &mcp.IOTransport{Reader: exactly(p.stdout), Writer: patient{p.stdin}, MaxLineLength: -1}
	l, err := open(ctx, transport, hide)
	if err != nil {
		p.end()
		<-p.said.ended
		return nil, silent{errors.New(hide.text(reason(p.why(err)))), p.said.last()}
	}
	l.process = p
	return l, nil
}

// why prefers how the program ended to the end of its pipe.
func (p *process) why(err error) error {
	if state := p.command.ProcessState; state != nil && lost(err) {
		return fmt.Errorf("its program ended (%s)", state)
	}
	return err
}

// startProcess starts the program of a server.
func startProcess(s *server, env []protocol.Setting, hide hidden) (*process, error) {
	path, err := exec.LookPath(s.Command)
	if err != nil {
		return nil, protocol.Errorf(protocol.ConfigurationError, "the MCP server %q cannot be started: there is no program %q", s.Name, s.Command).
			WithHint("install it on the worker's machine, or correct `command`")
	}
	if info, err := os.Stat(s.Cwd); s.Cwd != "" && (err != nil || !info.IsDir()) {
		return nil, protocol.Errorf(protocol.ConfigurationError, "the MCP server %q cannot be started in %q: there is no such folder", s.Name, s.Cwd)
	}
	p := &process{exited: make(chan struct{}), ended: make(chan struct{}), ending: make(chan struct{}, 1), said: said{ended: make(chan struct{})}}
	var theirs []*os.File
	var open []*os.File
	pipe := func() (read, write *os.File) {
		if err == nil {
			read, write, err = os.Pipe()
			open = append(open, read, write)
		}
		return read, write
	}
	guarded, control := pipe()
	stdin, stdinOurs := pipe()
	stdoutOurs, stdout := pipe()
	stderrOurs, stderr := pipe()
	if err != nil {
		closeAll(open)
		return nil, fmt.Errorf("a pipe to the MCP server %q: %w", s.Name, err)
	}
	theirs = []*os.File{guarded, stdin, stdout, stderr}
	p.control, p.stdin, p.stdout, p.stderr = control, stdinOurs, stdoutOurs, stderrOurs

	//nolint:noctx // It ends by its standard input, or with its group.
	p.guard = exec.Command("/bin/sh", "-c", guard)
	p.guard.Stdin = guarded
	// A group of its own: no terminal's signals reach it.
	p.guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.guard.Start(); err != nil {
		closeAll(open)
		return nil, protocol.Errorf(protocol.ConfigurationError, "the MCP server %q cannot be started: /bin/sh: %s", s.Name, err)
	}
	//nolint:noctx // It outlives the call that needs it; end ends it.
	p.command = exec.Command(path, s.Args...)
	p.command.Dir, p.command.Env = s.Cwd, environment(s.env, env)
	p.command.Stdin, p.command.Stdout, p.command.Stderr = stdin, stdout, stderr
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: p.guard.Process.Pid}
	if err := p.command.Start(); err != nil {
		p.killAll()
		_ = p.guard.Wait() // It was killed.
		closeAll(open)
		if of, is := errors.AsType[*fs.PathError](err); is {
			err = of.Err
		}
		return nil, protocol.Errorf(protocol.ConfigurationError, "the MCP server %q cannot be started: %q: %s", s.Name, s.Command, err)
	}
	closeAll(theirs)
	go func() {
		p.said.hear(stderrOurs, s.log, hide)
		_ = stderrOurs.Close()
	}()
	go p.watch()
	return p, nil
}

// watch reaps the program. What it leaves behind would keep its pipes open, and calls waiting.
func (p *process) watch() {
	_ = p.command.Wait() // How it ended, ProcessState says.
	close(p.exited)
	select {
	case <-time.After(orphaned):
		p.end()
	case <-p.ended:
	}
}

// end ends the whole group: as MCP wants it, by closing standard input first. It may be called often, by many.
func (p *process) end() {
	select {
	case p.ending <- struct{}{}:
	case <-p.ended:
		return
	}
	_ = p.stdin.Close() // It may be broken already.
	if !p.exits(goodbye) {
		_ = syscall.Kill(-p.guard.Process.Pid, syscall.SIGTERM) // Not to end is its answer.
		p.exits(goodbye)
	}
	p.killAll()
	<-p.exited
	_ = p.guard.Wait()                                     // It was killed.
	_ = p.stderr.SetReadDeadline(time.Now().Add(orphaned)) // What has left the group may hold it open.
	closeAll([]*os.File{p.control, p.stdout})
	close(p.ended)
}

func (p *process) exits(within time.Duration) bool {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-p.exited:
		return true
	case <-timer.C:
		return false
	}
}

// killAll ends the group's processes, the guard among them; that there are none any more is fine.
func (p *process) killAll() { _ = syscall.Kill(-p.guard.Process.Pid, syscall.SIGKILL) }

func closeAll(files []*os.File) {
	for _, file := range files {
		if file != nil {
			_ = file.Close() // Ends of pipes have nothing left to say.
		}
	}
}

// patient is a program's standard input. One that is not read for too long is broken.
type patient struct{ *os.File }

// Write implements io.Writer.
func (p patient) Write(data []byte) (int, error) {
	if err := p.SetWriteDeadline(time.Now().Add(stuck)); err != nil {
		return 0, err
	}
	return p.File.Write(data)
}

// inherited are the variables that a program gets of this process: what programs need to find their files and the network,
// and no keys.
var inherited = []string{
	"PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "TZ", "TMPDIR",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS",
	"LC_ALL", "LC_CTYPE", "LC_COLLATE", "LC_MESSAGES", "LC_MONETARY", "LC_NUMERIC", "LC_TIME",
}

// deaf tells whether nobody reads the program's standard input any more: it has ended, noticed or not.
func (p *process) deaf() bool {
	raw, err := p.stdin.SyscallConn()
	if err != nil {
		return true
	}
	gone := false
	err = raw.Control(func(fd uintptr) {
		polled := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}} //nolint:gosec // The number of a file is small.
		if n, err := unix.Poll(polled, 0); err == nil && n > 0 {
			gone = polled[0].Revents&(unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) != 0
		}
	})
	return gone || err != nil
}

// environment is that of a program, with the variables of its settings.
func environment(lookup func(string) (string, bool), settings []protocol.Setting) []string {
	var all []string
	for _, name := range inherited {
		if value, is := lookup(name); is && !slices.ContainsFunc(settings, func(s protocol.Setting) bool { return s.Name == name }) {
			all = append(all, name+"="+value)
		}
	}
	for _, setting := range settings {
		all = append(all, setting.Name+"="+strings.ReplaceAll(setting.Value, "\x00", ""))
	}
	return all
}

const (
	// keptLines is how many of a program's last lines an error shows, and keptBytes how much of each.
	keptLines = 8
	keptBytes = 300
	// loggedLines is how many lines of one program's stderr go into the log. Some servers tell of every call.
	loggedLines = 1000
)

// said keeps what a server's program wrote to stderr last.
type said struct {
	mu    sync.Mutex
	lines []string
	ended chan struct{}
}

// hear reads stderr to its end.
func (s *said) hear(from io.Reader, log *slog.Logger, hide hidden) {
	defer close(s.ended)
	reader := bufio.NewReaderSize(from, 4<<10)
	for logged := 0; ; logged++ {
		line, cut, err := reader.ReadLine()
		for cut && err == nil {
			_, cut, err = reader.ReadLine() // What is beyond the buffer is left out.
		}
		text := hide.text(strings.ToValidUTF8(strings.TrimRight(string(line), "\r"), "\uFFFD"))
		if text != "" {
			s.keep(text)
			switch {
			case logged < loggedLines:
				log.Info("the MCP server says", "stderr", text)
			case logged == loggedLines:
				log.Warn("the MCP server says more, which is left out")
			}
		}
		if err != nil {
			return
		}
	}
}

func (s *said) keep(line string) {
	if len(line) > keptBytes {
		line = strings.ToValidUTF8(line[:keptBytes], "") + "…"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lines) == keptLines {
		s.lines = s.lines[1:]
	}
	s.lines = append(s.lines, line)
}

// last are the last lines, to go behind a message; nothing where there are none.
func (s *said) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lines) == 0 {
		return ""
	}
	return "; it said last:\n  " + strings.Join(s.lines, "\n  ")
}
