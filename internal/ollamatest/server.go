package ollamatest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ollama/ollama/api"
)

// patience is how long a server may take to start: far more than any does.
const patience = time.Minute

// guard starts the server and ends its whole process group, runners included, when the pipe to this process is closed:
// by Kill, and just as well by the end of a test binary that could not clean up.
const guard = `"$0" serve & read -r _; kill -KILL -$$`

// Server is a running Ollama server.
type Server struct {
	URL string // "http://127.0.0.1:PORT"; the same after a restart.

	program string
	folder  string // Of its state: models, log.
	command *exec.Cmd
	leash   io.Closer
}

// newServer starts a server with the models in it.
func newServer(program string) (s *Server, err error) {
	folder, err := os.MkdirTemp("", "gleitzeit-ollama-*")
	if err != nil {
		return nil, err
	}
	s = &Server{program: program, folder: folder}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("Ollama: %w", err), s.remove())
		}
	}()
	address, err := freeAddress()
	if err != nil {
		return s, err
	}
	s.URL = "http://" + address
	if err = s.start(); err != nil {
		return s, err
	}
	return s, s.createModels()
}

// freeAddress is one where nobody listens now.
func freeAddress() (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// environment is what the server, and the command that talks to it, get.
func (s *Server) environment() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.folder, "TMPDIR=" + s.folder, "OLLAMA_HOST=" + s.URL,
		"OLLAMA_MODELS=" + filepath.Join(s.folder, "store"), "OLLAMA_NO_CLOUD=1", "OLLAMA_NUM_PARALLEL=4",
	}
}

func (s *Server) start() error {
	log, err := os.OpenFile(filepath.Join(s.folder, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	s.command = exec.CommandContext(context.Background(), "/bin/sh", "-c", guard, s.program)
	s.command.Env = s.environment()
	s.command.Stdout, s.command.Stderr = log, log
	s.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if s.leash, err = s.command.StdinPipe(); err != nil {
		return errors.Join(err, log.Close())
	}
	err = s.command.Start()
	if err = errors.Join(err, log.Close()); err != nil {
		s.command = nil
		return err
	}
	return s.answers()
}

// answers waits until the server does.
func (s *Server) answers() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := s.client().Version(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			log, unread := os.ReadFile(filepath.Join(s.folder, "log"))
			return errors.Join(fmt.Errorf("it does not answer: %w\n%s", err, log), unread)
		}
	}
}

func (s *Server) client() *api.Client {
	address, err := url.Parse(s.URL)
	if err != nil {
		panic(err) // It was made here.
	}
	return api.NewClient(address, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}})
}

// Kill ends the server and its runners as a power cut does, and waits until they are gone. Any goroutine may call it.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	if err := s.kill(); err != nil {
		t.Error(err)
	}
}

// Restart starts the server again where it was, with the models that it had.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) kill() error {
	if s.command == nil {
		return nil
	}
	err := s.leash.Close()
	var killed *exec.ExitError
	if ended := s.command.Wait(); ended != nil && !errors.As(ended, &killed) {
		err = errors.Join(err, ended)
	}
	s.command = nil
	return errors.Join(err, s.silent())
}

// silent waits until nobody listens at the address any more.
func (s *Server) silent() error {
	late, tick := time.After(patience), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for {
		connection, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			return nil //nolint:nilerr // That nobody answers is what was waited for.
		}
		if err := connection.Close(); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-late:
			return fmt.Errorf("Ollama still answers at %s after it was killed", s.URL)
		}
	}
}

func (s *Server) remove() error {
	return errors.Join(s.kill(), os.RemoveAll(s.folder))
}
