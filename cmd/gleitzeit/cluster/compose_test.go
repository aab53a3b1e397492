package cluster_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"golang.org/x/mod/modfile"
)

// compose loads docker-compose.yml as Docker does, with no variables but those given.
func compose(t testing.TB, variables ...string) *types.Project {
	t.Helper()
	folder, err := filepath.Abs(root)
	must(t, err)
	options, err := cli.NewProjectOptions([]string{filepath.Join(folder, "docker-compose.yml")},
		cli.WithWorkingDirectory(folder), cli.WithEnv(append([]string{"PWD=" + folder}, variables...)))
	must(t, err)
	project, err := options.LoadProject(t.Context())
	must(t, err)
	return project
}

// once are the services that do something and end. What depends on them waits for their success.
var once = []string{"temporal-schema"}

func TestEveryServiceIsWatchedPinnedAndConfined(t *testing.T) {
	pinned := regexp.MustCompile(`^[a-z-]+(/[a-z-]+)?:\d+(\.\d+){1,2}(-[a-z0-9]+)?$`)
	var ended []string
	for name, service := range compose(t).Services {
		switch {
		case service.HealthCheck != nil && len(service.HealthCheck.Test) > 1:
		case name == "worker": // In the Dockerfile, which TestDockerfile reads.
		case strings.HasPrefix(service.Restart, "on-failure"):
			ended = append(ended, name)
		default:
			t.Errorf("%s has no health check", name)
		}
		if service.Build == nil && !pinned.MatchString(service.Image) {
			t.Errorf("%s: image %s names no exact version", name, service.Image)
		}
		if service.Privileged || service.NetworkMode != "" || service.Pid != "" || service.Ipc != "" || len(service.CapAdd) > 0 || len(service.Devices) > 0 {
			t.Errorf("%s gets more rights than a container has", name)
		}
		if !slices.Equal(service.CapDrop, []string{"ALL"}) || !slices.Contains(service.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s is not confined: it drops %v and has %v", name, service.CapDrop, service.SecurityOpt)
		}
		if service.ContainerName != "" {
			t.Errorf("%s has a name of its own, and could not be scaled", name)
		}
		for _, port := range service.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes port %d on %q, not on loopback alone", name, port.Target, port.HostIP)
			}
		}
		for on, dependency := range service.DependsOn {
			want := types.ServiceConditionHealthy
			if slices.Contains(once, on) {
				want = types.ServiceConditionCompletedSuccessfully
			}
			if dependency.Condition != want {
				t.Errorf("%s waits for %s to be %s, want %s", name, on, dependency.Condition, want)
			}
		}
	}
	if slices.Sort(ended); !slices.Equal(ended, once) {
		t.Errorf("services %v do something and end, want %v", ended, once)
	}
}

// TestPublishedPortsAreServed compares what is published with the port that the service's own settings name.
func TestPublishedPortsAreServed(t *testing.T) {
	served := map[string]uint32{"temporal": 7233, "temporal-ui": 8080, "redis": 6379}
	project := compose(t)
	if said := value(project, "temporal-ui", "TEMPORAL_UI_PORT"); said != "8080" {
		t.Errorf("the Web UI serves port %s", said)
	}
	for _, name := range []string{"temporal-ui", "worker"} {
		if address := value(project, name, "TEMPORAL_ADDRESS"); address != "temporal:7233" {
			t.Errorf("%s looks for Temporal at %s", name, address)
		}
	}
	for name, service := range project.Services {
		for _, port := range service.Ports {
			if port.Target != served[name] {
				t.Errorf("%s publishes port %d, and serves %d", name, port.Target, served[name])
			}
		}
		if want := served[name] != 0; want != (len(service.Ports) == 1) {
			t.Errorf("%s publishes %d ports", name, len(service.Ports))
		}
	}
}

// TestImagesAreOfTheVersionsInUse compares images with the modules that the program is built with.
func TestImagesAreOfTheVersionsInUse(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	must(t, err)
	module, err := modfile.Parse("go.mod", text, nil)
	must(t, err)
	project := compose(t)
	for service, path := range map[string]string{
		"temporal": "go.temporal.io/server", "temporal-schema": "go.temporal.io/server",
		"temporal-ui": "github.com/temporalio/ui-server/v2", "ollama": "github.com/ollama/ollama",
	} {
		at := slices.IndexFunc(module.Require, func(r *modfile.Require) bool { return r.Mod.Path == path })
		if at < 0 {
			t.Errorf("go.mod does not require %s", path)
			continue
		}
		_, tag, _ := strings.Cut(project.Services[service].Image, ":")
		if version := strings.TrimPrefix(module.Require[at].Mod.Version, "v"); tag != version {
			t.Errorf("the image of %s is %s, and go.mod has %s %s", service, project.Services[service].Image, path, version)
		}
	}
}

func TestServerLoadsTheEnginesDynamicConfiguration(t *testing.T) {
	project := compose(t)
	engines, err := filepath.Abs(filepath.Join(root, "internal/engine/dynamicconfig.yaml"))
	must(t, err)
	must(t, onlyRegular(engines))
	for _, volume := range project.Services["temporal"].Volumes {
		if volume.Source == engines && volume.ReadOnly && volume.Target == value(project, "temporal", "DYNAMIC_CONFIG_FILE_PATH") {
			return
		}
	}
	t.Errorf("the server does not load %s: %v", engines, project.Services["temporal"].Volumes)
}

func TestWorkerHasNoRights(t *testing.T) {
	documents := t.TempDir()
	project := compose(t, "GLEITZEIT_DOCUMENTS="+documents)
	worker := project.Services["worker"]
	if !regexp.MustCompile(`^[1-9]\d{3,}:[1-9]\d{3,}$`).MatchString(worker.User) {
		t.Errorf("the worker runs as %q, not as a number without a user on the machine", worker.User)
	}
	if !worker.ReadOnly || len(worker.Tmpfs) != 1 || !strings.HasPrefix(worker.Tmpfs[0], "/tmp:") {
		t.Errorf("the worker can write to more than /tmp: read_only %v, tmpfs %v", worker.ReadOnly, worker.Tmpfs)
	}
	if len(worker.Ports) > 0 {
		t.Error("the worker publishes a port: a second one could not start")
	}
	if len(worker.Volumes) != 1 {
		t.Fatalf("the worker sees %d folders of the machine, want one", len(worker.Volumes))
	}
	if v := worker.Volumes[0]; v.Source != documents || v.Target != documents || !v.ReadOnly || bool(v.Bind.CreateHostPath) {
		t.Errorf("documents are mounted %+v, want at the path that they have outside, read-only", v)
	}
	if want := []string{"worker", "--root", documents}; !slices.Equal(worker.Command, want) {
		t.Errorf("the worker is started as %q, want %q", worker.Command, want)
	}
}

// TestVariablesAreDocumented compares the variables of docker-compose.yml with .env.example, and their defaults.
func TestVariablesAreDocumented(t *testing.T) {
	text := read(t, filepath.Join(root, "docker-compose.yml"))
	example := read(t, filepath.Join(root, ".env.example"))
	for _, found := range regexp.MustCompile(`[^$]\$\{([A-Z_]+)(?::-((?:\$\{[A-Z_]+\}|[^}])*))?\}`).FindAllStringSubmatch(text, -1) {
		name, standard := found[1], found[2]
		want := "\n" + name + "=" + standard + "\n"
		if strings.Contains(standard, "${") { // It depends on the machine.
			want = "\n# " + name + "="
		}
		if !strings.Contains(example, want) {
			t.Errorf(".env.example has no line %q", strings.TrimSpace(want))
		}
	}
	for line := range strings.Lines(example) {
		if name, _, assigned := strings.Cut(strings.TrimPrefix(line, "# "), "="); assigned && !strings.Contains(text, "${"+name+":-") {
			t.Errorf(".env.example has %s, which docker-compose.yml does not read", name)
		}
	}
}

// value is a variable that a service gets; empty without.
func value(project *types.Project, service, name string) string {
	if of := project.Services[service].Environment[name]; of != nil {
		return *of
	}
	return ""
}
