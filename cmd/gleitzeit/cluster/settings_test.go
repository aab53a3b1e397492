package cluster_test

import (
	"slices"
	"strings"
	"testing"

	"go.temporal.io/sdk/contrib/envconfig"

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
	settings, err := config.Load(config.Options{Env: environment.LookupEnv})
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
	if settings.Store != "redis://:a%2Fb%40c@redis:6379/0" || settings.Ollama.URL != "http://ollama:11434" || !strings.HasPrefix(settings.Home, "/tmp/") {
		t.Errorf("store %s, Ollama %s, home %s", settings.Store, settings.Ollama.URL, settings.Home)
	}
}
