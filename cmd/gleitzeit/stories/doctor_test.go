package stories_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// examined is the report of doctor.
type examined struct {
	OK     bool                                            `json:"ok"`
	Checks []struct{ Name, Status, Detail, Remedy string } `json:"checks"`
}

// doctor runs doctor, and wants an exit code and lines of checks: "name status detail → remedy", of which all words must be there.
func (u *user) doctor(code int, want ...string) examined {
	u.T.Helper()
	stdout, stderr := u.Gleitzeit(code, "doctor", "-o", "json")
	var report examined
	must(u.T, programtest.StrictJSON(stdout, &report))
	if report.OK != (code == 0) || stderr != "" {
		u.T.Errorf("ok is %v, standard error %q", report.OK, stderr)
	}
	var lines []string
	for _, c := range report.Checks {
		lines = append(lines, fmt.Sprintf("%s %s %s → %s", c.Name, c.Status, c.Detail, c.Remedy))
	}
	all := strings.Join(lines, "\n") + "\n"
	for _, line := range want {
		found := false
		for _, each := range lines {
			holds := true
			for _, part := range strings.Split(line, "…") {
				holds = holds && strings.Contains(each, part)
			}
			found = found || holds
		}
		if !found {
			u.T.Errorf("no check is %q:\n%s", line, all)
		}
	}
	return report
}

// configured writes the settings.
func (u *user) configured(text string) {
	u.T.Helper()
	must(u.T, os.MkdirAll(u.Home, 0o700))
	write(u.T, filepath.Join(u.Home, "config.yaml"), text)
}

// programs is a folder with nothing but links to some programs, for PATH.
func programs(t *testing.T, names ...string) string {
	folder := t.TempDir()
	for _, name := range names {
		path, err := exec.LookPath(name)
		must(t, err)
		must(t, os.Symlink(path, filepath.Join(folder, name)))
	}
	return folder
}

// TestDoctorFindsNothing: all is well, and nothing is left behind.
func TestDoctorFindsNothing(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	u.doctor(0, "settings ok defaults", "home ok … does not exist yet", "store ok …results.db does not exist yet", "engine ok not running", "python ok 3.",
		"ollama http://…ok version …models…at most 4 calls at once; truncates long prompts", "clock ok 2")
	if exists(u.Home) {
		t.Error("doctor created the home folder")
	}
	u.Gleitzeit(0, "call", "llm/chat", "prompt=hi")
	u.doctor(0, "home ok "+u.Home, "locks ok", "store ok sqlite:", "ollama…in memory; context of 2048 tokens")
	stdout, stderr := u.Gleitzeit(0, "doctor")
	wantLines(t, "standard output", stdout, "✓ home  ", "✓ python  ")
	if stderr != "" || strings.Contains(stdout, "✗") {
		t.Errorf("doctor printed\n%s%s", stdout, stderr)
	}
}

// TestDoctorOfAServer: the engine and the ports are those of the server of the home.
func TestDoctorOfAServer(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	s := u.serveUI()
	u.doctor(0, fmt.Sprintf("engine ok Temporal…at %s, process %d", s.engine, s.Command.Process.Pid), fmt.Sprintf("ports ok in use by the server of this home, process %d", s.Command.Process.Pid))
	s.Kill()
	u.doctor(0, "engine ok not running", "port 8233 ")
}

// TestDoctorFindsPrograms: Python is missing, then the sandbox that the settings require.
func TestDoctorFindsPrograms(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	u.Env = append(u.Env, "PATH="+programs(t))
	u.doctor(1, "python problem python3 not found on PATH → install Python 3.8 or later", "bubblewrap ok not used by the settings; …bwrap not found on PATH")
	u.Env = append(u.Env, "PATH="+programs(t, "python3"))
	u.configured("python: {sandbox: bwrap}\n")
	u.doctor(1, "bubblewrap problem …bwrap not found on PATH → docs/security.md")
}

// TestDoctorFindsServers: model servers, MCP servers and a Temporal server that cannot be reached, and a model that is missing.
func TestDoctorFindsServers(t *testing.T) {
	t.Parallel()
	u := withOllama(t, nobodyAt(t))
	u.configured("mcp: {servers: {gone: {command: no-such-program}}}\n")
	u.doctor(1, "ollama http://…problem …cannot be reached…→ start it with `ollama serve`", "mcp gone problem …no-such-program")
	u.Env = append(u.Env, "TEMPORAL_ADDRESS="+nobodyAt(t))
	u.doctor(1, "engine problem ")

	u = withOllama(t, ollamatest.Start(t))
	u.configured("providers: {ollama: {model: absent}}\n")
	u.doctor(0, `ollama http://…warning …the model "absent" of tasks that name none is missing → set `+"`providers.ollama.model` to one of …tiny-script")
	u.configured("providers: {ollama: {vision_model: gone}}\n")
	u.doctor(0, `ollama http://…warning …the model "gone" of tasks with llm/vision that name none is missing → set `+"`providers.ollama.vision_model` to one of …tiny-script")
}

// TestDoctorFindsTheHome: settings with errors, a home that others can read, and one that is a file.
func TestDoctorFindsTheHome(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	u.configured("log_level: loud\n")
	u.doctor(1, "settings problem …config.yaml:1")
	u.configured("providers:\n\tollama: {model: x}\n")
	u.doctor(1, "settings problem …config.yaml:…and indent with spaces, not with tabs → `gleitzeit doctor` checks the rest when this is correct")
	u.configured("log_levle: warn\n")
	u.doctor(0, "settings warning …config.yaml:1…log_levle…→ correct the lines in ")
	u.configured("")
	must(t, os.Chmod(u.Home, 0o755))
	u.doctor(0, "home warning "+u.Home+" can be read by other users (mode 0755) → chmod 700 "+u.Home)
	must(t, os.RemoveAll(u.Home))
	write(t, u.Home, "")
	u.doctor(1, "home problem …is not a folder")
}

// TestDoctorFindsATakenPort: whoever has the port of the Web UI, doctor says it.
func TestDoctorFindsATakenPort(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	if taken, err := net.Listen("tcp", "127.0.0.1:8233"); err == nil {
		defer taken.Close()
	}
	u.doctor(0, "port 8233 warning in use by another program → `gleitzeit server` uses another port for the Web UI")
}

// TestDoctorSaysHowToFetchAModel: with the command.
func TestDoctorSaysHowToFetchAModel(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	u.configured("providers: {ollama: {model: nosuch}}\n")
	u.doctor(0, "ollama http://… warning …→ set `providers.ollama.model` to one of …, or fetch it: `ollama pull nosuch`")
}
