package version_test

import (
	"os"
	"regexp"
	"runtime/debug"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/version"
)

func TestOf(t *testing.T) {
	for of, want := range map[string]string{
		"v0.1.0": "0.1.0", "v1.20.3": "1.20.3", "v0.2.0-rc.1": "0.2.0-rc.1",
		"(devel)": version.Release + "-dev", "": version.Release + "-dev", "v0.1.0+dirty": version.Release + "-dev",
		"v0.1.1-0.20261130094112-3f0e8c1a2b4d": version.Release + "-dev",
	} {
		if got := version.Of(&debug.BuildInfo{Main: debug.Module{Version: of}}); got != want {
			t.Errorf("%q is %s, want %s", of, got, want)
		}
	}
	if got, want := version.Of(nil), version.Release+"-dev"; got != want {
		t.Errorf("a build without information is %s, want %s", got, want)
	}
}

// TestChangelog: what a release contains is written down before it is one.
func TestChangelog(t *testing.T) {
	changelog, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	first := regexp.MustCompile(`(?m)^## (\S+)`).FindSubmatch(changelog)
	if first == nil || string(first[1]) != version.Release && string(first[1]) != "Unreleased" {
		t.Errorf("the changelog begins with %s, neither Unreleased nor %s", first, version.Release)
	}
}
