package cluster_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

// instruction is one of a Dockerfile, its lines joined: "FROM", "debian:… AS …".
type instruction struct{ name, rest string }

func dockerfile(t *testing.T) []instruction {
	t.Helper()
	var all []instruction
	joined := ""
	for line := range strings.Lines(read(t, filepath.Join(root, "Dockerfile"))) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		part, goesOn := strings.CutSuffix(line, "\\")
		if joined += part; goesOn {
			continue
		}
		name, rest, _ := strings.Cut(joined, " ")
		all, joined = append(all, instruction{name, strings.TrimSpace(rest)}), ""
	}
	if joined != "" {
		t.Fatalf("the Dockerfile ends within %q", joined)
	}
	return all
}

func TestDockerfile(t *testing.T) {
	all := dockerfile(t)
	stages := map[string]map[string]string{}
	name := ""
	for _, i := range all {
		if i.name == "FROM" {
			from, as, _ := strings.Cut(i.rest, " AS ")
			name = as
			stages[name] = map[string]string{"FROM": from}
			continue
		}
		stages[name][i.name] += i.rest + "\n"
	}
	base := stages["base"]
	module, err := modfile.Parse("go.mod", []byte(read(t, filepath.Join(root, "go.mod"))), nil)
	must(t, err)
	if want := (instruction{"FROM", "golang:" + module.Go.Version + "-bookworm AS build"}); all[0] != want {
		t.Errorf("it is built by %v, want %v", all[0], want)
	}
	if !regexp.MustCompile(`^debian:bookworm-\d{8}-slim$`).MatchString(base["FROM"]) {
		t.Errorf("base image %s names no day", base["FROM"])
	}
	built := slices.ContainsFunc(all, func(i instruction) bool {
		return i.name == "RUN" && strings.Contains(i.rest, `CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /gleitzeit ./cmd/gleitzeit`)
	})
	if !built {
		t.Error("the program is not built as `make build` builds it")
	}
	worker := compose(t).Services["worker"]
	for _, c := range []struct{ stage, name, want string }{
		{"base", "USER", worker.User + "\n"},
		{"base", "ENTRYPOINT", "[\"gleitzeit\"]\n"},
		{"", "FROM", "base"},
		{"", "COPY", "--from=build /gleitzeit /usr/local/bin/gleitzeit\n"},
		{"released", "FROM", "base"},
		{"released", "COPY", "$TARGETPLATFORM/gleitzeit /usr/local/bin/gleitzeit\n"},
	} {
		if got := stages[c.stage][c.name]; got != c.want {
			t.Errorf("stage %q: %s %q, want %q", c.stage, c.name, got, c.want)
		}
	}
	if base["HEALTHCHECK"] == "" && (worker.HealthCheck == nil || len(worker.HealthCheck.Test) < 2) {
		t.Error("the image has no health check")
	}
	if !strings.Contains(base["RUN"], "python3") || !strings.Contains(base["RUN"], "ca-certificates") {
		t.Error("the image does not have python3 or ca-certificates")
	}
}

// TestBuildSeesTheSources finds a folder of the program that .dockerignore keeps out of the build.
func TestBuildSeesTheSources(t *testing.T) {
	ignored := read(t, filepath.Join(root, ".dockerignore"))
	for _, folder := range sourceFolders(t) {
		if top, _, _ := strings.Cut(folder, "/"); !strings.Contains(ignored, "\n!"+top+"\n") {
			t.Errorf(".dockerignore keeps %s out of the build", folder)
		}
	}
}
