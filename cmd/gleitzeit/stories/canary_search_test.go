package stories_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// canaryPart is the length in bytes from which a part of a canary is one too many.
const canaryPart = 8

// canarySearch looks for canaries: any part of at least canaryPart bytes, as it is, in hexadecimal digits, and in base64.
type canarySearch struct {
	t        *testing.T
	parts    map[string][]canaryForm // By the first bytes of the form.
	controls map[string]bool         // Where the control was found.
	guarded  bool                    // The guard of an MCP server was among the processes.
	unpacker *zstd.Decoder
}

type canaryForm struct{ form, name string }

func newCanarySearch(t *testing.T, cores map[string]string) *canarySearch {
	t.Helper()
	unpacker, err := zstd.NewReader(nil)
	must(t, err)
	t.Cleanup(unpacker.Close)
	s := &canarySearch{t: t, parts: map[string][]canaryForm{}, controls: map[string]bool{}, unpacker: unpacker}
	for name, core := range cores {
		for at := 0; at+canaryPart <= len(core); at++ {
			part := core[at : at+canaryPart]
			forms := []string{part, hex.EncodeToString([]byte(part))}
			for offset := range 3 {
				encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("-", offset) + part))
				forms = append(forms, encoded[4:4+canaryPart]) // Without what its neighbors change.
			}
			forms[2] = base64.StdEncoding.EncodeToString([]byte(part))[:canaryPart]
			for _, form := range forms {
				s.parts[form[:canaryPart]] = append(s.parts[form[:canaryPart]], canaryForm{form, name})
			}
		}
	}
	return s
}

// find returns the canaries in a text: the name of each, once, and what is around it.
func (s *canarySearch) find(text string) map[string]string {
	found := map[string]string{}
	for at := 0; at+canaryPart <= len(text); at++ {
		for _, part := range s.parts[text[at:at+canaryPart]] {
			if _, known := found[part.name]; !known && strings.HasPrefix(text[at:], part.form) {
				found[part.name] = text[max(0, at-60):min(len(text), at+60)]
			}
		}
	}
	return found
}

// in looks at what was found at a place, and in what it has packed.
func (s *canarySearch) in(place, text string) {
	s.t.Helper()
	if strings.Contains(text, control) {
		s.controls[place] = true
	}
	found := s.find(text)
	for _, name := range slices.Sorted(maps.Keys(found)) {
		s.t.Errorf("%s has the canary %s: %q", place, name, found[name])
	}
	const magic = "\x28\xb5\x2f\xfd" // Of zstd.
	for rest := text; ; {
		_, after, more := strings.Cut(rest, magic)
		if !more {
			return
		}
		if unpacked, err := s.unpacker.DecodeAll([]byte(magic+after), nil); err == nil || len(unpacked) > 0 {
			s.in(place, string(unpacked))
		}
		rest = after
	}
}

// wantControls wants that the control was found at places: a search that finds nothing at all proves nothing.
func (s *canarySearch) wantControls(places ...string) {
	s.t.Helper()
	for _, place := range places {
		if !s.controls[place] {
			s.t.Errorf("in %s nothing was found that must be there: the search is blind", place)
		}
	}
}

// folder looks at every file of a folder, and at the names of files.
func (s *canarySearch) folder(path string) {
	s.t.Helper()
	must(s.t, filepath.WalkDir(path, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		s.in("the name of a file", entry.Name())
		if !entry.Type().IsRegular() {
			return nil
		}
		data, err := os.ReadFile(path)
		if err == nil {
			s.in(strings.TrimSuffix(filepath.Base(path), "-wal"), string(data))
		}
		return err
	}))
}

// TestTheCanarySearchFinds: a part of eight bytes is found, wherever a canary is cut, and seven are not.
func TestTheCanarySearchFinds(t *testing.T) {
	t.Parallel()
	core := canaries["PY"].core
	s := newCanarySearch(t, map[string]string{"x": core})
	packer, err := zstd.NewWriter(nil)
	must(t, err)
	for length := 1; length <= len(core); length++ {
		for at := 0; at+length <= len(core); at++ {
			part := core[at : at+length]
			forms := map[string]string{"itself": "?" + part + "?", "hexadecimal": hex.EncodeToString([]byte("?" + part + "?"))}
			for offset := range 3 {
				forms[fmt.Sprint("base64 after ", offset)] = base64.URLEncoding.EncodeToString([]byte("abc"[:offset] + part + "???"))
			}
			for form, text := range forms {
				if length < canaryPart && strings.HasPrefix(form, "base64") {
					continue // Eight characters of base64 have six bytes.
				}
				if found := len(s.find(text)) > 0; found != (length >= canaryPart) {
					t.Errorf("%s: %d bytes of it in %q are found: %v", form, length, text, found)
				}
			}
		}
	}
	blind := &canarySearch{t: t, parts: s.parts, controls: map[string]bool{}, unpacker: s.unpacker}
	blind.in("packed", "before "+string(packer.EncodeAll([]byte(strings.Repeat(control, 100)), nil)))
	blind.wantControls("packed")
}
