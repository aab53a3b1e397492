package cluster_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// startRedis starts the result store with the command of its service.
func (m *machine) startRedis() {
	m.t.Helper()
	folder := filepath.Join(m.folder, "redis")
	must(m.t, os.Mkdir(folder, 0o700))
	service := m.project.Services["redis"]
	command := exec.Command(m.program(service.Command[0]), append(service.Command[1:], "--bind", m.address, "--dir", folder)...)
	m.program("redis-cli")
	p := begin(m.t, command)
	m.healthyBy("redis", p, func(args []string) []string {
		return []string{"sh", "-c", strings.ReplaceAll(args[1], "redis-cli", "redis-cli -h "+m.address)}
	})
}

// gleitzeit is a start of the program: of somebody at the host, or in a container.
type gleitzeit struct {
	m           *machine
	environment []string
	home        string
}

// someone is who types commands on the host: only what docs/cluster.md tells to set, and the folder of documents.
func (m *machine) someone(more ...string) *gleitzeit {
	m.t.Helper()
	home := filepath.Join(m.folder, "someone")
	return &gleitzeit{m: m, home: home, environment: append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "LANG=C.UTF-8", "GLEITZEIT_HOME=" + home,
		"TEMPORAL_ADDRESS=" + m.at("7233"),
		"GLEITZEIT_REDIS_URL=redis://" + m.at("6379") + "/0",
		"GLEITZEIT_REDIS_PASSWORD=" + value(m.project, "worker", "GLEITZEIT_REDIS_PASSWORD"),
	}, more...)}
}

// start starts a command in the folder of documents.
func (g *gleitzeit) start(args ...string) *process {
	g.m.t.Helper()
	path, err := program()
	must(g.m.t, err)
	command := exec.Command(path, args...)
	command.Dir, command.Env = g.m.documents(), g.environment
	return begin(g.m.t, command)
}

// types runs a command to its end, wants an exit code, and returns what it wrote.
func (g *gleitzeit) types(code int, args ...string) (stdout, stderr string) {
	g.m.t.Helper()
	p := g.start(args...)
	p.exits(code)
	return p.stdout.String(), p.stderr.String()
}

// worker starts a worker as its service does: its command, its variables, and its user where root runs the tests.
func (m *machine) worker(more ...string) *process {
	m.t.Helper()
	path, err := program()
	must(m.t, err)
	m.workers++
	home := filepath.Join(m.folder, fmt.Sprintf("worker%d", m.workers))
	must(m.t, os.Mkdir(home, 0o700))
	service := m.project.Services["worker"]
	command := exec.Command(path, service.Command...)
	command.Dir = home
	command.Env = m.environment("worker", append([]string{"GLEITZEIT_HOME=" + filepath.Join(home, "gleitzeit"), "HOME=" + home, "TMPDIR=" + home}, more...)...)
	uid, gid, _ := strings.Cut(service.User, ":")
	m.as(command, number(m.t, uid), number(m.t, gid), home)
	return begin(m.t, command)
}

// ready waits until a worker has said that it works.
func (m *machine) ready(worker *process) *process {
	m.t.Helper()
	worker.says("worker ready: queue gleitzeit at " + m.at("7233"))
	return worker
}

// alive tells whether the health check of the image says that a worker of this machine works.
func (m *machine) alive(check string) bool {
	m.t.Helper()
	path, err := program()
	must(m.t, err)
	command := exec.Command("sh", "-c", check)
	command.Env = m.environment("worker", "PATH="+filepath.Dir(path)+":"+os.Getenv("PATH"), "GLEITZEIT_HOME="+filepath.Join(m.folder, "health"))
	return command.Run() == nil
}

// kill ends a process as a power cut does.
func (p *process) kill() {
	p.t.Helper()
	p.end(syscall.SIGKILL)
}

// appears waits until there is a file, and returns its text.
func (m *machine) appears(path string) string {
	m.t.Helper()
	eventually(m.t, path+" appears", func() bool {
		_, err := os.Stat(path)
		return err == nil
	})
	return read(m.t, path)
}
