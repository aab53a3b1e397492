package config

import (
	"testing"
	"time"
)

func TestHowScriptsRun(t *testing.T) {
	s, _, _ := load(t, nil, "")
	if p := s.Python; p.Interpreter != "python3" || p.Sandbox != "none" || p.Memory != 4<<30 || p.CPU != 0 || p.FileSize != 10<<30 ||
		p.OpenFiles != 1024 || p.Processes != 512 || p.Output != 1<<20 || p.Preload != nil || p.Env != nil || p.Grace != 5*time.Second {
		t.Errorf("the defaults are %+v", p)
	}
	s, warnings, folder := load(t, nil, `
python:
  interpreter: envs/data
  preload: [numpy, os.path]
  env: [HTTP_PROXY]
  sandbox: bwrap
  grace: 1.5
  limits: {memory: 512MiB, cpu: 90s, file_size: none, open_files: 64, processes: none, output: 1000, temp: 64MiB}
`)
	if len(warnings) > 0 {
		t.Errorf("warnings: %q", warnings)
	}
	p := s.Python
	if p.Interpreter != folder+"/envs/data" || len(p.Preload) != 2 || p.Preload[1] != "os.path" || p.Env[0] != "HTTP_PROXY" || p.Sandbox != "bwrap" || p.Grace != 1500*time.Millisecond ||
		p.Memory != 512<<20 || p.CPU != 90*time.Second || p.FileSize != NoLimit || p.OpenFiles != 64 || p.Processes != NoLimit || p.Output != 1000 || p.Temp != 64<<20 {
		t.Errorf("got %+v", p)
	}
	shown := map[string]string{}
	for _, e := range s.Entries {
		shown[e.Name] = e.Value.Text()
	}
	for name, want := range map[string]string{
		"python.grace": "1.5s", "python.limits.memory": "512MiB", "python.limits.cpu": "1m30s", "python.limits.file_size": "none", "python.limits.output": "1000", "python.limits.temp": "64MiB",
	} {
		if shown[name] != want {
			t.Errorf("%s is shown as %q, not %q", name, shown[name], want)
		}
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "512MiB": 512 << 20, "1.5 GiB": 3 << 29, "2GB": 2e9, "10kB": 10000, "4TiB": 4 << 40,
		"": 0, "0": 0, "-1": 0, "MiB": 0, "x": 0, "1e30": 0, "5 apples": 0,
	} {
		if got, form := bytesOf(text); got != want || (form == "") != (want > 0) {
			t.Errorf("%q: %d, %q; want %d", text, got, form, want)
		}
	}
}

func TestTheGraceOfScripts(t *testing.T) {
	for text, want := range map[string]time.Duration{"10": 10 * time.Second, "2m": 2 * time.Minute, "none": NoLimit, "0": 0, "-1": 0, "2h": 0, "x": 0} {
		s, diagnostics, _ := load(t, nil, "python: {grace: "+text+"}")
		if (len(diagnostics) > 0) != (want == 0) || want != 0 && s.Python.Grace != want {
			t.Errorf("%s: got %s, %v", text, s.Python.Grace, diagnostics)
		}
	}
}
