package cluster_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
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

// someone is who types commands on the host: with the variables that docs/cluster.md names, in the folder of documents.
func (m *machine) someone(more ...string) *programtest.User {
	m.t.Helper()
	return &programtest.User{T: m.t, Home: filepath.Join(m.folder, "someone", "gleitzeit"), Work: m.documents(), Env: append([]string{
		"TEMPORAL_ADDRESS=" + m.at("7233"),
		"GLEITZEIT_REDIS_URL=redis://" + m.at("6379") + "/0",
		"GLEITZEIT_REDIS_PASSWORD=" + value(m.project, "worker", "GLEITZEIT_REDIS_PASSWORD"),
	}, more...)}
}

// worker starts a worker as its service does: its command, its variables, and its user where root runs the tests.
func (m *machine) worker(more ...string) *process {
	m.t.Helper()
	path := programtest.Path(m.t)
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

// ready waits until a worker is ready.
func (m *machine) ready(worker *process) *process {
	m.t.Helper()
	worker.Says("worker ready: queue gleitzeit at " + m.at("7233"))
	return worker
}

// alive reports whether the health check of the image finds a working worker on this machine.
func (m *machine) alive(check string) bool {
	m.t.Helper()
	path := programtest.Path(m.t)
	command := exec.Command("sh", "-c", check)
	command.Env = m.environment("worker", "PATH="+filepath.Dir(path)+":"+os.Getenv("PATH"), "GLEITZEIT_HOME="+filepath.Join(m.folder, "health"))
	return command.Run() == nil
}

// appears waits until there is a file, and returns its text.
func (m *machine) appears(path string) string {
	m.t.Helper()
	return programtest.Appears(m.t, path)
}
