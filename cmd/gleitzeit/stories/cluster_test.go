package stories_test

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
)

// variables is an environment with nothing else in it.
type variables map[string]string

func (v variables) Environ() []string {
	var all []string
	for name, value := range v {
		all = append(all, name+"="+value)
	}
	return all
}

func (v variables) LookupEnv(name string) (string, bool) {
	value, set := v[name]
	return value, set
}

// environmentOf is what `config env` prints.
func (u *user) environmentOf() variables {
	u.T.Helper()
	shown, _ := u.Gleitzeit(0, "config", "env", "-o", "json")
	v := variables{}
	programtest.JSON(u.T, shown, &v)
	return v
}

// TestConfigEnv: a client that is made of exactly the variables that are printed reaches the engine.
func TestConfigEnv(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.Home = filepath.Join(filepath.Dir(u.Home), "it's mine")
	u.Gleitzeit(7, "config", "env")
	u.serves("--no-ui")
	v := u.environmentOf()
	options, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{DisableFile: true, EnvLookup: v})
	must(t, err)
	c, err := client.DialContext(context.Background(), options)
	must(t, err)
	defer c.Close()
	info, err := c.WorkflowService().DescribeNamespace(context.Background(), &workflowservice.DescribeNamespaceRequest{Namespace: options.Namespace})
	must(t, err)
	if info.GetNamespaceInfo().GetName() != "default" {
		t.Errorf("the namespace is %s", info.GetNamespaceInfo().GetName())
	}
	text, _ := u.Gleitzeit(0, "config", "env")
	shell := exec.Command("/bin/sh", "-c", text+`printf %s "$TEMPORAL_TLS_CLIENT_KEY_PATH"`)
	out, err := shell.Output()
	must(t, err)
	if string(out) != v["TEMPORAL_TLS_CLIENT_KEY_PATH"] || !strings.Contains(string(out), "it's mine") {
		t.Errorf("a shell reads %s", out)
	}
	// They still name the home's own engine, not another Temporal server.
	p := u.StartIn(u.Work, v.Environ(), "status")
	p.Exits(0)
	wantLines(t, "status", p.Stdout.String(), "process ")
}

// TestCluster: a configured Temporal server is used instead of the home's engine; here it is the engine of another home,
// with a namespace that does not exist yet.
func TestCluster(t *testing.T) {
	t.Parallel()
	operator := newUser(t)
	operator.serves("--no-ui")
	v := operator.environmentOf()
	v["TEMPORAL_NAMESPACE"] = "team"
	u := newUser(t)
	u.File("sum.yaml", sum)
	u.File("inside/text.txt", "inside")
	with := func(code int, args ...string) (stdout, stderr string) {
		t.Helper()
		p := u.StartIn(u.Work, v.Environ(), args...)
		p.Exits(code)
		return p.Stdout.String(), p.Stderr.String()
	}
	worker := u.StartIn(u.Work, v.Environ(), "worker")
	worker.Says("worker ready: queue gleitzeit at " + v["TEMPORAL_ADDRESS"] + "\n")
	stdout, said := with(0, "submit", "sum.yaml", "--wait")
	if stdout != "twice: 10\n" {
		t.Errorf("its result is %q\n%s", stdout, said)
	}
	shown, _ := with(0, "status", "-o", "json")
	wantLines(t, "status", shown, `"namespace": "team"`, `"completed": 1`)
	u.File("items.yaml", "name: Items\ntasks:\n  - {id: each, method: python/execute, for_each: [1, 2, 3], parameters: {file: do.py, context: {n: '${item}'}}}\n")
	u.File("do.py", "import os\nos.stat('mended') if context['n'] == 2 else None\nopen('ran', 'a').write(str(context['n']))\nresult = context['n']\n")
	_, said = with(6, "submit", "items.yaml", "--wait")
	wantLines(t, "submit", said, "2 of 3 items, 1 failed")
	u.File("mended", "")
	forecast, _ := with(0, "retry", "@latest", "--submit", "--dry-run")
	wantLines(t, "the forecast", forecast, "each  2           1      1 failed: 1 (2)\n")
	failed, _ := with(0, "list", "--limit", "1")
	_, said = with(0, "retry", "@latest", "--submit", "--wait", "--progress", "line")
	wantLines(t, "retry", said, ": 2 of 3 items completed; what is unchanged is taken over\n", "3 of 3 items (2 cached)")
	id, said := with(0, "retry", strings.Fields(strings.Split(failed, "\n")[1])[0], "--namespace", "team", "--items", "0")
	with(6, "watch", strings.TrimSpace(id)) // The failure is taken over, too.
	if ran := read(t, u.Path("ran")); len(ran) != 4 || strings.Count(ran, "1") != 2 {
		t.Errorf("the items ran as %q\n%s", ran, said)
	}
	_, said = with(2, "retry", "@latest", "--wait")
	wantLines(t, "retry", said, "--queue and --wait are for --submit")
	if exists(filepath.Join(u.Home, "engine.db")) {
		t.Error("an engine was started although a Temporal server is configured")
	}
	u.File("flow.yaml", sleeper)
	id, _ = with(0, "submit", "flow.yaml")
	u.asleep()
	stdout, _ = with(0, "cancel", strings.TrimSpace(id))
	if stdout != strings.TrimSpace(id)+" cancelled\n" {
		t.Errorf("cancel says %q", stdout)
	}
	listed, _ := with(0, "list")
	if strings.Count(listed, "completed") != 4 || strings.Count(listed, "cancelled") != 1 {
		t.Errorf("list shows\n%s", listed)
	}
	t.Run("run uses the home's engine", func(t *testing.T) {
		stdout, _ := with(0, "run", "sum.yaml")
		if stdout != "twice: 10\n" || !exists(filepath.Join(u.Home, "engine.db")) {
			t.Errorf("the result of run is %q", stdout)
		}
	})
	t.Run("nobody answers", func(t *testing.T) {
		_, said := u.Gleitzeit(7, "submit", "sum.yaml", "--address", "127.0.0.1:1")
		wantLines(t, "submit", said, "gleitzeit: the Temporal server at 127.0.0.1:1 cannot be reached: ")
	})
	t.Run("a profile", func(t *testing.T) {
		profiles := u.File("temporal.toml", fmt.Sprintf(`[profile.team]
address = %q
namespace = "default"
[profile.team.tls]
server_name = %q
client_cert_path = %q
client_key_path = %q
server_ca_cert_path = %q
`, v["TEMPORAL_ADDRESS"], v["TEMPORAL_TLS_SERVER_NAME"], v["TEMPORAL_TLS_CLIENT_CERT_PATH"], v["TEMPORAL_TLS_CLIENT_KEY_PATH"], v["TEMPORAL_TLS_SERVER_CA_CERT_PATH"]))
		for want, args := range map[string][]string{"default": {"--profile", "team"}, "team": {"--profile", "team", "--namespace", "team"}} {
			p := u.StartIn(u.Work, []string{"TEMPORAL_CONFIG_FILE=" + profiles}, append([]string{"status", "-o", "json"}, args...)...)
			p.Exits(0)
			wantLines(t, "status", p.Stdout.String(), `"status": "running"`, `"namespace": "`+want+`"`)
		}
	})
	t.Run("no such profile", func(t *testing.T) {
		_, said := u.Gleitzeit(1, "list", "--profile", "none")
		wantLines(t, "list", said, "gleitzeit: invalid configuration of the Temporal connection: unable to find profile none")
	})
}
