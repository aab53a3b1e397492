package cluster_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/gleitzeit/gleitzeit/internal/require"
)

// machine stands for the network of the containers: a loopback address on which every service has the port that it has
// there. Services run as processes, with the variables and commands of docker-compose.yml.
type machine struct {
	t       testing.TB
	project *types.Project
	address string // "127.80.12.7".
	folder  string // Any user may read it.
	workers int    // Started so far.
}

func newMachine(t testing.TB) *machine {
	t.Helper()
	// Only the owner can enter t.TempDir, and PostgreSQL and the worker run as other users.
	top, err := os.MkdirTemp("", "gleitzeit-")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(top)) })
	must(t, os.Chmod(top, 0o755))
	m := &machine{t: t, folder: top, address: fmt.Sprintf("127.%d.%d.%d", 64+rand.IntN(128), rand.IntN(256), 1+rand.IntN(254))}
	must(t, os.Mkdir(m.documents(), 0o755))
	m.project = compose(t, "GLEITZEIT_DOCUMENTS="+m.documents())
	listener, err := net.Listen("tcp", net.JoinHostPort(m.address, "7233"))
	if err != nil {
		require.Skip(t, "this machine has only one loopback address: "+err.Error())
	}
	must(t, listener.Close())
	return m
}

// documents is the folder that workers may read.
func (m *machine) documents() string { return filepath.Join(m.folder, "documents") }

// at is where a service answers: "127.80.12.7:7233".
func (m *machine) at(port string) string { return net.JoinHostPort(m.address, port) }

// here turns names of services into the address of this machine.
func (m *machine) here(text string) string {
	if text == "postgresql" || text == "0.0.0.0" {
		return m.address
	}
	return strings.NewReplacer("temporal:7233", m.at("7233"), "redis:6379", m.at("6379"), "ollama:11434", m.at("11434"), "127.0.0.1", m.address).Replace(text)
}

// environment is what a service gets in its container, without the variables of whoever runs the tests.
func (m *machine) environment(service string, more ...string) []string {
	all := []string{"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8"}
	variables := m.project.Services[service].Environment
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		all = append(all, name+"="+m.here(*variables[name]))
	}
	return append(all, more...) // The last value of a variable takes precedence.
}

// program finds a program that the machine must have.
func (m *machine) program(name string, elsewhere ...string) string {
	m.t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, pattern := range elsewhere {
		if found, err := filepath.Glob(filepath.Join(pattern, name)); err == nil && len(found) > 0 {
			return found[len(found)-1]
		}
	}
	require.Skip(m.t, "this machine has no "+name)
	return ""
}

// as makes a command run as another user where root runs the tests, and gives that user a folder.
func (m *machine) as(command *exec.Cmd, uid, gid uint32, folder string) {
	m.t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	must(m.t, os.Chown(folder, int(uid), int(gid)))
}

// postgresUser has no rights; PostgreSQL refuses to run as root.
func (m *machine) postgresUser() (uid, gid uint32) {
	m.t.Helper()
	named, err := user.Lookup("postgres")
	if err != nil {
		named, err = user.Lookup("nobody")
	}
	must(m.t, err)
	return number(m.t, named.Uid), number(m.t, named.Gid)
}

func number(t testing.TB, text string) uint32 {
	t.Helper()
	n, err := strconv.ParseUint(text, 10, 32)
	must(t, err)
	return uint32(n)
}

// healthy waits until the health check of docker-compose.yml says that a service works.
func (m *machine) healthy(service string, p *process) {
	m.t.Helper()
	m.healthyBy(service, p, func(test []string) []string { return test[1:] })
}

// healthyBy is healthy with the command that adapt makes of the check: "CMD", "pg_isready", …
func (m *machine) healthyBy(service string, p *process, adapt func(test []string) []string) {
	m.t.Helper()
	args := slices.Clone(adapt(m.project.Services[service].HealthCheck.Test))
	for i := range args {
		args[i] = m.here(args[i])
	}
	eventually(m.t, service+" is healthy", func() bool {
		if !p.Running() {
			m.t.Fatalf("%s has ended", service)
		}
		if args[0] == "wget" { // Not every machine has wget.
			return fetch(args[len(args)-1]) == nil
		}
		command := exec.Command(args[0], args[1:]...)
		command.Env = m.environment(service)
		return command.Run() == nil
	})
}

func fetch(address string) error {
	answer, err := http.Get(address)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	return nil
}
