package docs_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// Links in a page lead to what is there: a file or folder of the repository, or a heading.
func TestLinksLeadSomewhere(t *testing.T) {
	more := []string{"CHANGELOG.md", "llms.txt"}
	paths := pages(t)
	for _, name := range more {
		paths = append(paths, filepath.Join(root, name))
	}
	for _, path := range paths {
		for _, target := range linksOf(programtest.Read(t, path)) {
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			file, heading, _ := strings.Cut(target, "#")
			linked := path
			if file != "" {
				linked = filepath.Join(filepath.Dir(path), filepath.FromSlash(file))
			}
			if _, err := os.Stat(linked); err != nil {
				t.Errorf("%s links to %s: %v", path, target, err)
				continue
			}
			if heading != "" && !slices.Contains(anchorsOf(programtest.Read(t, linked)), heading) {
				t.Errorf("%s links to %s, and there is no such heading", path, target)
			}
		}
	}
}

// Every page is reached by links that begin at docs/index.md, and README.md leads there.
func TestEveryPageIsReachedFromTheIndex(t *testing.T) {
	seen := map[string]bool{}
	var follow func(path string)
	follow = func(path string) {
		if seen[path] {
			return
		}
		seen[path] = true
		for _, target := range linksOf(programtest.Read(t, path)) {
			file, _, _ := strings.Cut(target, "#")
			if strings.HasSuffix(file, ".md") && !strings.Contains(target, "://") {
				follow(filepath.Join(filepath.Dir(path), filepath.FromSlash(file)))
			}
		}
	}
	readme := filepath.Join(root, "README.md")
	if !slices.Contains(linksOf(programtest.Read(t, readme)), "docs/index.md") {
		t.Error("README.md does not link to docs/index.md")
	}
	seen[readme] = true // It lists most pages, so that it must not lead to them here.
	follow("index.md")
	for _, path := range pages(t) {
		if !seen[path] {
			t.Errorf("no link leads from docs/index.md to %s", path)
		}
	}
}

// linksOf finds `[text](target)` outside of fenced blocks.
func linksOf(page string) []string {
	var links []string
	for _, line := range prose(page) {
		for {
			_, rest, found := strings.Cut(line, "](")
			if !found {
				break
			}
			target, after, _ := strings.Cut(rest, ")")
			links, line = append(links, target), after
		}
	}
	return links
}

func anchorsOf(page string) []string {
	var anchors []string
	for _, line := range prose(page) {
		if !strings.HasPrefix(line, "#") {
			continue
		}
		title := strings.ToLower(strings.TrimSpace(strings.TrimLeft(line, "#")))
		anchors = append(anchors, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || (r >= 'a' && r <= 'z') || (r >= '0' && r <= '9') || r > 127:
				return r
			}
			return -1
		}, title))
	}
	return anchors
}

func prose(page string) []string {
	var lines []string
	inside := false
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "```") {
			inside = !inside
		} else if !inside {
			lines = append(lines, line)
		}
	}
	return lines
}
