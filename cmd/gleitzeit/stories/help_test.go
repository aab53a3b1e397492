package stories_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestHelpFits: the help of every command fits a small terminal, and has an example.
func TestHelpFits(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	commands := u.commands()
	for name, c := range commands {
		for line := range strings.Lines(c.help) {
			if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > 80 {
				t.Errorf("gleitzeit %s --help has the line %q", name, line)
			}
		}
		if name != "" && name != "help" && !strings.Contains(between(c.help, "\nExamples:\n", "\n\n"), "gleitzeit ") {
			t.Errorf("gleitzeit %s --help has no example", name)
		}
	}
	if len(commands) < 50 {
		t.Errorf("only %d commands were seen", len(commands))
	}
	if exists(u.Home) {
		t.Error("help left a home folder")
	}
}

// TestHelpIsInGroups: each command is in one of them.
func TestHelpIsInGroups(t *testing.T) {
	t.Parallel()
	text, _ := newUser(t).Gleitzeit(0, "--help")
	last := 0
	for _, title := range []string{"\nRun:\n", "\nLook:\n", "\nModels and tools:\n", "\nOperate:\n", "\nFlags:\n"} {
		at := strings.Index(text, title)
		if at <= last {
			t.Errorf("%q is not in its place:\n%s", title, text)
		}
		last = at
	}
	if strings.Contains(text, "\nOther:\n") {
		t.Errorf("a command is in no group:\n%s", text)
	}
}

// TestManualPages: each command that help shows has a page with all that it says of it, and there is no other page.
func TestManualPages(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.Gleitzeit(0, "man", "pages/man1")
	commands := u.commands()
	for name, c := range commands {
		if name == "help" {
			continue // It is about the help of the terminal.
		}
		path := u.Path("pages/man1/" + strings.ReplaceAll(strings.TrimSpace("gleitzeit "+name), " ", "-") + ".1")
		if !exists(path) {
			t.Errorf("gleitzeit %s has no page %s", name, path)
			continue
		}
		page := read(t, path)
		wantLines(t, path, page, "\n.SH NAME\n", "\n.SH SYNOPSIS\n", "\n.SH DESCRIPTION\n", "\n.SH SEE ALSO\n")
		for flag := range c.flags {
			wantLines(t, path, page, `\fB--`+flag+`\fP`)
		}
		for _, word := range regexp.MustCompile(`\b[A-Z]?[a-z]{4,}\b`).FindAllString(between(c.help, "", "\n\nUsage:\n"), -1) {
			wantLines(t, path, page, word)
		}
		for line := range strings.Lines(page) {
			if macro, _, _ := strings.Cut(strings.TrimSpace(line), " "); (line[0] == '.' || line[0] == '\'') && !slices.Contains([]string{".nh", ".TH", ".SH", ".PP", ".EX", ".EE"}, macro) {
				t.Errorf("%s has the line %q, which is no text", path, line)
			}
		}
	}
	if found := globbed(t, u.Path("pages/man1/*")); len(found) != len(commands)-1 {
		t.Errorf("there are %d pages of %d commands", len(found), len(commands)-1)
	}
	first := read(t, u.Path("pages/man1/gleitzeit-batch.1"))
	u.Gleitzeit(0, "man", "pages/man1")
	if read(t, u.Path("pages/man1/gleitzeit-batch.1")) != first {
		t.Error("pages that are written twice differ")
	}
}
