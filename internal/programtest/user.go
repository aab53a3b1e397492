package programtest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// User is somebody at a machine: a home folder, a folder to work in, and an environment.
type User struct {
	T    testing.TB
	Home string   // GLEITZEIT_HOME.
	Work string   // Where commands are started.
	Env  []string // What the program gets besides Environment.
}

// NewUser makes a user who has never started the program. The folder to work in is empty.
func NewUser(t testing.TB) *User {
	t.Helper()
	top := t.TempDir()
	u := &User{T: t, Home: filepath.Join(top, "home", "gleitzeit"), Work: filepath.Join(top, "work")}
	Must(t, os.MkdirAll(u.Work, 0o755))
	return u
}

// Environment is what the program gets: few variables, and none of whoever runs the tests.
func (u *User) Environment(more ...string) []string {
	return append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(u.Home), "TMPDIR=" + os.TempDir(), "GLEITZEIT_HOME=" + u.Home, "LANG=C.UTF-8",
	}, append(u.Env, more...)...)
}

// Path is the path of a file in the folder to work in.
func (u *User) Path(name string) string { return filepath.Join(u.Work, name) }

// File writes a file into the folder to work in and returns its path.
func (u *User) File(name, text string) string {
	u.T.Helper()
	path := u.Path(name)
	Write(u.T, path, text)
	return path
}

// Appears waits until a file is in the folder to work in, and returns its text.
func (u *User) Appears(name string) string {
	u.T.Helper()
	return Appears(u.T, u.Path(name))
}

// Start starts the program in the folder to work in.
func (u *User) Start(args ...string) *Process {
	u.T.Helper()
	return u.StartIn(u.Work, nil, args...)
}

// StartIn starts the program in another folder, with more variables.
func (u *User) StartIn(folder string, environment []string, args ...string) *Process {
	u.T.Helper()
	command := exec.CommandContext(context.Background(), Path(u.T), args...)
	command.Dir, command.Env = folder, u.Environment(environment...)
	return Begin(u.T, command)
}

// Gleitzeit runs the program to its end, wants an exit code, and returns what it wrote.
func (u *User) Gleitzeit(code int, args ...string) (stdout, stderr string) {
	u.T.Helper()
	p := u.Start(args...)
	p.Exits(code)
	return p.Stdout.String(), p.Stderr.String()
}
