package secretsource

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Secret is a secret without its value.
type Secret struct {
	Name   string   `json:"name"`
	From   string   `json:"from,omitempty"`   // The variable or the file that decides; empty: no source has it.
	Hidden []string `json:"hidden,omitempty"` // Other sources that have the name, and do not decide.
}

// Listing is what List found.
type Listing struct {
	Secrets  []Secret `json:"secrets"`            // By name.
	Warnings []string `json:"warnings,omitempty"` // Of sources that cannot be read, in part or at all.

	sources Sources
}

// List returns the secrets of all sources.
func (s Sources) List() Listing {
	l := Listing{Secrets: []Secret{}, sources: s}
	found := map[string]*Secret{}
	add := func(name, from string) {
		if known := found[name]; known != nil {
			known.Hidden = append(known.Hidden, from)
			return
		}
		found[name] = &Secret{Name: name, From: from}
	}
	if s.Environ != nil {
		for _, variable := range s.Environ() {
			full, _, _ := strings.Cut(variable, "=")
			if name, is := strings.CutPrefix(full, Prefix); is && IsName(name) && found[name] == nil {
				add(name, full)
			}
		}
	}
	names, problems := s.listDir()
	for _, name := range names {
		add(name, filepath.Join(s.Dir, name))
	}
	for _, path := range slices.Backward(s.EnvFiles) {
		values, err := readEnvFile(path)
		if err == nil {
			err = readableByOthers(path)
		}
		if err != nil {
			problems = append(problems, err)
		}
		for name := range values {
			add(name, path)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		l.Secrets = append(l.Secrets, *found[name])
	}
	for _, problem := range problems {
		l.Warnings = append(l.Warnings, problem.Error())
	}
	return l
}

// Of returns the listing of the secrets with the names alone, those that no source has among them.
func (l Listing) Of(names []string) Listing {
	all := l.Secrets
	l.Secrets = []Secret{}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		at := slices.IndexFunc(all, func(s Secret) bool { return s.Name == name })
		if at < 0 {
			l.Secrets = append(l.Secrets, Secret{Name: name})
			continue
		}
		l.Secrets = append(l.Secrets, all[at])
	}
	return l
}

// Text returns the listing as a table.
func (l Listing) Text() string {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	row := func(cells ...any) { fmt.Fprintf(table, "%s\t%s\n", cells...) }
	row("SECRET", "FROM")
	for _, s := range l.Secrets {
		from := s.From
		if from == "" {
			from = "missing"
		}
		if len(s.Hidden) > 0 {
			from += " (ignored: " + strings.Join(s.Hidden, ", ") + ")"
		}
		row(s.Name, from)
	}
	// A strings.Builder has no errors.
	_ = table.Flush()
	return text.String()
}

// Problem returns an error that names the missing secrets; nil where none is missing.
func (l Listing) Problem() error {
	var missing []string
	for _, s := range l.Secrets {
		if s.From == "" {
			missing = append(missing, s.Name)
		}
	}
	switch len(missing) {
	case 0:
		return nil
	case 1:
		return l.sources.Missing(missing[0])
	}
	return protocol.Errorf(protocol.ConfigurationError, "%d secrets are not set: %s", len(missing), strings.Join(missing, ", ")).
		WithHint("%s", l.sources.Hint(missing[0]))
}

// readableByOthers returns a warning about a .env file. A mounted secret is not checked: Docker and Kubernetes make it readable
// for all users of the container.
func readableByOthers(path string) error {
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("other users can read %q: `chmod 600` it", path)
	}
	return nil
}
