package cluster_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.temporal.io/sdk/contrib/envconfig"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/config"
)

// asked is an environment that remembers which variables somebody asked for.
type asked struct {
	values map[string]string
	names  []string
}

func (a *asked) LookupEnv(name string) (string, bool) {
	a.names = append(a.names, name)
	value, set := a.values[name]
	return value, set
}

func (a *asked) Environ() []string { return nil }

// TestWorkerReadsWhatItGets: a variable that the program does not read would be a setting that does nothing.
func TestWorkerReadsWhatItGets(t *testing.T) {
	project := compose(t, "REDIS_PASSWORD=a/b@c")
	environment := &asked{values: map[string]string{}}
	for name := range project.Services["worker"].Environment {
		environment.values[name] = value(project, "worker", name)
	}
	settings, err := config.Load(config.Options{Env: environment.LookupEnv, Providers: llm.Providers()})
	must(t, err)
	profile, err := envconfig.LoadClientConfigProfile(envconfig.LoadClientConfigProfileOptions{DisableFile: true, EnvLookup: environment})
	must(t, err)
	for name := range environment.values {
		if !slices.Contains(environment.names, name) {
			t.Errorf("the worker gets %s, and reads it nowhere", name)
		}
	}
	if profile.Address != "temporal:7233" || profile.Namespace != "default" {
		t.Errorf("it looks for Temporal at %q, namespace %q", profile.Address, profile.Namespace)
	}
	if settings.Store != "redis://:a%2Fb%40c@redis:6379/0" || settings.Providers[0].URLs[0] != "http://ollama:11434" || !strings.HasPrefix(settings.Home, "/tmp/") {
		t.Errorf("store %s, Ollama %s, home %s", settings.Store, settings.Providers[0].URLs[0], settings.Home)
	}
}

// TestServersReadWhatTheyGet compares the variables of Temporal's images with the files in which their makers read them.
func TestServersReadWhatTheyGet(t *testing.T) {
	project := compose(t)
	for service, of := range map[string]struct {
		module string
		files  []string
	}{
		"temporal":        {"go.temporal.io/server", []string{"common/config/config_template_embedded.yaml", "common/config/loader.go"}},
		"temporal-schema": {"go.temporal.io/server", []string{"tools/sql/main.go"}},
		"temporal-ui":     {"github.com/temporalio/ui-server/v2", []string{"config/docker.yaml"}},
	} {
		found := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", of.module)
		found.Dir = root
		folder, err := found.Output()
		must(t, err)
		var readers strings.Builder
		for _, file := range of.files {
			readers.WriteString(read(t, filepath.Join(strings.TrimSpace(string(folder)), file)))
		}
		for name := range project.Services[service].Environment {
			if !strings.Contains(readers.String(), `"`+name+`"`) {
				t.Errorf("%s gets %s, and reads it nowhere", service, name)
			}
		}
	}
}

// TestDynamicSettingsAreExplained wants a row of docs/cluster.md for each, with the value that it has.
func TestDynamicSettingsAreExplained(t *testing.T) {
	page := read(t, filepath.Join(root, "docs/cluster.md"))
	name := ""
	for line := range strings.Lines(read(t, filepath.Join(root, "internal/engine/dynamicconfig.yaml"))) {
		line = strings.TrimSpace(line)
		if of, is := strings.CutPrefix(line, "- value: "); is {
			if !strings.Contains(page, "`"+name+": "+of+"`") {
				t.Errorf("docs/cluster.md does not have `%s: %s`", name, of)
			}
		} else if line != "" && !strings.HasPrefix(line, "#") {
			name = strings.TrimSuffix(line, ":")
		}
	}
	if name == "" {
		t.Error("no settings were found")
	}
}
