package cluster_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// startPostgreSQL creates a database as the image does, and starts the server.
func (m *machine) startPostgreSQL() {
	m.t.Helper()
	const debian = "/usr/lib/postgresql/*/bin"
	initdb, postgres := m.program("initdb", debian), m.program("postgres", debian)
	folder := filepath.Join(m.folder, "postgresql")
	must(m.t, os.Mkdir(folder, 0o700))
	uid, gid := m.postgresUser()
	data, password := filepath.Join(folder, "data"), filepath.Join(folder, "password")
	write(m.t, password, value(m.project, "postgresql", "POSTGRES_PASSWORD"))

	owner := value(m.project, "postgresql", "POSTGRES_USER")
	made := exec.Command(initdb, "--pgdata="+data, "--username="+owner, "--pwfile="+password,
		"--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync")
	m.as(made, uid, gid, folder)
	made.Dir = folder
	begin(m.t, made).Exits(0)

	// -F: a test needs no protection from power failures, which takes most of the time.
	served := exec.Command(postgres, "-D", data, "-F", "-c", "listen_addresses="+m.address, "-c", "unix_socket_directories="+folder)
	m.as(served, uid, gid, folder)
	served.Dir = folder
	p := begin(m.t, served)
	// A kill would leave shared memory behind.
	m.t.Cleanup(func() {
		if p.Running() {
			p.Signal(syscall.SIGINT)
			p.Wait()
		}
	})
	m.healthy("postgresql", p)

	create := exec.Command(m.program("createdb", debian), "--host="+m.address, "--username="+owner, value(m.project, "postgresql", "POSTGRES_DB"))
	create.Env = []string{"PGPASSWORD=" + value(m.project, "postgresql", "POSTGRES_PASSWORD")}
	begin(m.t, create).Exits(0)
}

// setUpSchemas runs what the service temporal-schema runs, with the tool of the server's version.
func (m *machine) setUpSchemas() {
	m.t.Helper()
	tools := filepath.Join(m.folder, "tools")
	if _, err := os.Stat(tools); err != nil {
		must(m.t, os.Mkdir(tools, 0o755))
		must(m.t, os.Symlink(tool(m.t, "temporal-sql-tool", "go.temporal.io/server/cmd/tools/sql"), filepath.Join(tools, "temporal-sql-tool")))
	}
	service := m.project.Services["temporal-schema"]
	command := exec.Command(service.Entrypoint[0], append(service.Entrypoint[1:], service.Command...)...)
	command.Env = m.environment("temporal-schema", "PATH="+tools+":"+os.Getenv("PATH"))
	begin(m.t, command).Exits(0)
}

// startTemporal starts the server with the variables of its service, and more.
func (m *machine) startTemporal(more ...string) *process {
	m.t.Helper()
	command := exec.Command(tool(m.t, "temporal-server", "go.temporal.io/server/cmd/server"), "start")
	command.Dir = m.folder
	mounted := m.project.Services["temporal"].Volumes[0].Source
	command.Env = m.environment("temporal", append([]string{"DYNAMIC_CONFIG_FILE_PATH=" + mounted}, more...)...)
	return begin(m.t, command)
}
