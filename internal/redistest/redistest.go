// Package redistest starts Redis servers for tests: real ones, each with a free port of the loopback interface and a
// folder of its own. Only tests may import it.
package redistest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/gleitzeit/gleitzeit/internal/require"
)

// startTimeout bounds the start of a server, which takes some tens of milliseconds.
const startTimeout = 20 * time.Second

// Server is a Redis server that ends with its test.
type Server struct {
	Address string // "127.0.0.1:45123".

	t       testing.TB
	folder  string
	options []string
	log     *bytes.Buffer
	command *exec.Cmd
	client  *redis.Client
}

// disableLogging keeps the client's own lines out of the tests' output.
var disableLogging = sync.OnceFunc(logging.Disable)

// Start starts a server that writes to disk before it answers. The options are added to its command
// line: "--requirepass", "secret".
func Start(t testing.TB, options ...string) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		require.Skip(t, "redis-server is not installed")
	}
	disableLogging()
	// A test's own folder has a name that may be too long for a command line in a message.
	folder, err := os.MkdirTemp("", "gleitzeit-redis-")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, folder: folder, options: options}
	t.Cleanup(func() {
		s.Kill()
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	for range 5 { // Another program may take the port before the server does.
		if s.Address, err = free(t.Context()); err != nil {
			break
		}
		if err = s.start(); err == nil {
			return s
		}
	}
	t.Fatal(err)
	return nil
}

func free(ctx context.Context) (address string, err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// URL returns the URL of a database of the server; user is "name:password@" or empty.
func (s *Server) URL(user string, database int) string {
	return fmt.Sprintf("redis://%s%s/%d", user, s.Address, database)
}

// Do sends a command to the server as its operator.
func (s *Server) Do(args ...any) {
	s.t.Helper()
	if err := s.client.Do(s.t.Context(), args...).Err(); err != nil {
		s.t.Fatalf("%v: %v", args, err)
	}
}

// Setting returns a parameter of the server's configuration.
func (s *Server) Setting(name string) string {
	s.t.Helper()
	found, err := s.client.ConfigGet(s.t.Context(), name).Result()
	if err != nil {
		s.t.Fatal(err)
	}
	return found[name]
}

// Kill kills the server and waits until it has ended.
func (s *Server) Kill() {
	s.t.Helper()
	if s.command == nil {
		return
	}
	if err := s.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Error(err)
	}
	_ = s.command.Wait() // The error says that it was killed.
	s.command = nil
	if err := s.client.Close(); err != nil {
		s.t.Error(err)
	}
}

// Again starts the killed server again, at its address and with its data.
func (s *Server) Again() {
	s.t.Helper()
	if err := s.start(); err != nil {
		s.t.Fatal(err)
	}
}

// start starts the server and waits until it answers.
func (s *Server) start() error {
	host, port, err := net.SplitHostPort(s.Address)
	if err != nil {
		return err
	}
	s.log = &bytes.Buffer{}
	s.command = exec.CommandContext(context.WithoutCancel(s.t.Context()), "redis-server", append([]string{
		"--bind", host, "--port", port, "--dir", s.folder, "--appendonly", "yes", "--appendfsync", "always", "--save", "",
	}, s.options...)...)
	s.command.Stdout, s.command.Stderr = s.log, s.log
	if err := s.command.Start(); err != nil {
		s.command = nil
		return err
	}
	s.client = redis.NewClient(s.operator())
	ctx, cancel := context.WithTimeout(s.t.Context(), startTimeout)
	defer cancel()
	ticks := time.NewTicker(5 * time.Millisecond)
	defer ticks.Stop()
	for {
		if err = s.client.Ping(ctx).Err(); err == nil && s.isOurs(ctx) {
			return nil
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			s.Kill()
			return fmt.Errorf("redis-server does not answer at %s: %w\n%s", s.Address, err, s.log)
		}
	}
}

// operator returns the options of the tests' own client: the user "default", whose password is an option.
func (s *Server) operator() *redis.Options {
	options := &redis.Options{Addr: s.Address, MaxRetries: -1, DialerRetries: 1}
	for i, option := range s.options {
		if option == "--requirepass" {
			options.Password = s.options[i+1]
		}
	}
	return options
}

// isOurs reports whether the server at the address is this one, and not another one that got the port.
func (s *Server) isOurs(ctx context.Context) bool {
	found, err := s.client.ConfigGet(ctx, "dir").Result()
	if err != nil {
		return false
	}
	folder, err := filepath.EvalSymlinks(s.folder)
	return err == nil && found["dir"] == folder
}
