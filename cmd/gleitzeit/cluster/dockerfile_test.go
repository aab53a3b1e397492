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
	last := slices.IndexFunc(all, func(i instruction) bool { return i.name == "FROM" && !strings.Contains(i.rest, " AS ") })
	if last < 0 {
		t.Fatal("the Dockerfile has no last stage")
	}
	final := map[string]string{}
	for _, i := range all[last:] {
		final[i.name] += i.rest + "\n"
	}
	module, err := modfile.Parse("go.mod", []byte(read(t, filepath.Join(root, "go.mod"))), nil)
	must(t, err)
	if want := (instruction{"FROM", "golang:" + module.Go.Version + "-bookworm AS build"}); all[0] != want {
		t.Errorf("it is built by %v, want %v", all[0], want)
	}
	if !regexp.MustCompile(`^debian:bookworm-\d{8}-slim$`).MatchString(all[last].rest) {
		t.Errorf("base image %s names no day", all[last].rest)
	}
	built := slices.ContainsFunc(all[:last], func(i instruction) bool {
		return i.name == "RUN" && strings.Contains(i.rest, `CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /gleitzeit ./cmd/gleitzeit`)
	})
	if !built {
		t.Error("the program is not built as `make build` builds it")
	}
	worker := compose(t).Services["worker"]
	for name, want := range map[string]string{
		"USER":       worker.User + "\n",
		"ENTRYPOINT": "[\"gleitzeit\"]\n",
		"COPY":       "--from=build /gleitzeit /usr/local/bin/gleitzeit\n",
	} {
		if final[name] != want {
			t.Errorf("%s %q, want %q", name, final[name], want)
		}
	}
	if final["HEALTHCHECK"] == "" && (worker.HealthCheck == nil || len(worker.HealthCheck.Test) < 2) {
		t.Error("the image has no health check")
	}
	if !strings.Contains(final["RUN"], "python3") || !strings.Contains(final["RUN"], "ca-certificates") {
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
