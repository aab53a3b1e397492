package licenses

import (
	"bytes"
	"context"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write third_party.txt")

// texts are licenses that no module has as a file: those of what is compiled into the PDF reader, and of modules without one.
const texts = "texts"

// systems are those that the program is released for.
var systems = []string{"linux", "darwin", "windows"}

// TestThirdParty: the program distributes what it is built from, whose licenses want to be distributed with it.
func TestThirdParty(t *testing.T) {
	if _, err := os.ReadFile("../../go.mod"); err != nil { // Go caches the result of a test until a file that it reads changes.
		t.Fatal(err)
	}
	found := licenses{}
	found.addModules(t)
	found.add(t, "Go, its standard library and its runtime", filepath.Join(goroot(t), "LICENSE"))
	parts, err := filepath.Glob(texts + "/pdfium/*.txt")
	if err != nil || len(parts) == 0 {
		t.Fatalf("%d licenses of PDFium, %v", len(parts), err)
	}
	for _, part := range parts {
		found.add(t, "PDFium: "+strings.TrimSuffix(filepath.Base(part), ".txt"), part)
	}
	want := found.String()
	if *update {
		if err := os.WriteFile("third_party.txt", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if ThirdParty != want {
		t.Errorf("third_party.txt is not what the program consists of, from %q on: run go test ./internal/licenses -update", difference(ThirdParty, want))
	}
}

// licenses are names of what is under a license, by its text.
type licenses map[string][]string

func (l licenses) add(t *testing.T, name, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.ToValidUTF8(strings.ReplaceAll(string(data), "\r\n", "\n"), "\uFFFD"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t\f")
	}
	text := strings.Trim(strings.Join(lines, "\n"), "\n")
	if text == "" {
		t.Fatalf("%s is empty", file)
	}
	if !slices.Contains(l[text], name) {
		l[text] = append(l[text], name)
	}
}

// String returns the texts with their names, in the order of these.
func (l licenses) String() string {
	var groups []string
	for text, names := range l {
		slices.Sort(names)
		groups = append(groups, "== "+strings.Join(names, "\n== ")+"\n\n"+text+"\n")
	}
	slices.Sort(groups)
	return "Gleitzeit contains the following software, each part under its own license.\n" +
		"PDFium is based in part on the work of the FreeType Team and of the Independent JPEG Group.\n\n" + strings.Join(groups, "\n")
}

var licenseFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents|copyright|unlicense)([-._].*)?$`)

// addModules adds the licenses of modules whose packages the program has: in their folders and in those above, up to the module's.
func (l licenses) addModules(t *testing.T) {
	t.Helper()
	folders := map[string]map[string]bool{} // Of packages, by the module and its folder.
	for _, system := range systems {
		for line := range strings.Lines(run(t, []string{"GOOS=" + system}, "list", "-deps", "-f", "{{with .Module}}{{.Path}}\t{{.Dir}}{{end}}\t{{.Dir}}", "github.com/gleitzeit/gleitzeit/cmd/gleitzeit")) {
			module, folder, is := cutLast(strings.TrimRight(line, "\n"))
			if path, root, of := strings.Cut(module, "\t"); is && of && path != "github.com/gleitzeit/gleitzeit" {
				if folders[module] == nil {
					folders[module] = map[string]bool{root: true}
				}
				for ; len(folder) > len(root); folder = filepath.Dir(folder) {
					folders[module][folder] = true
				}
			}
		}
	}
	if len(folders) == 0 {
		t.Fatal("the program has no modules")
	}
	unused := ownTexts(t)
	for module, all := range folders {
		path, root, _ := strings.Cut(module, "\t")
		count := 0
		for folder := range all {
			entries, err := os.ReadDir(folder)
			if err != nil {
				t.Fatal(err)
			}
			for _, entry := range entries {
				if licenseFile.MatchString(entry.Name()) && entry.Type().IsRegular() && filepath.Ext(entry.Name()) != ".go" {
					within := strings.TrimPrefix(strings.TrimPrefix(folder, root), "/")
					l.add(t, strings.TrimSuffix(path+"/"+within, "/"), filepath.Join(folder, entry.Name()))
					count++
				}
			}
		}
		if count > 0 {
			continue
		}
		own := filepath.Join(texts, "modules", filepath.FromSlash(path)+".txt")
		if _, err := os.Stat(own); err != nil {
			t.Errorf("module %s has no license file: write its license to internal/licenses/%s", path, own)
			continue
		}
		l.add(t, path, own)
		delete(unused, own)
	}
	for own := range unused {
		t.Errorf("internal/licenses/%s is of a module that is not in the program, or that has its license: remove it", own)
	}
}

// ownTexts returns the licenses of modules that have none themselves.
func ownTexts(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	err := filepath.WalkDir(filepath.Join(texts, "modules"), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			all[path] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func cutLast(line string) (before, after string, is bool) {
	at := strings.LastIndexByte(line, '\t')
	if at < 0 {
		return line, "", false
	}
	return line[:at], line[at+1:], true
}

func goroot(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(run(t, nil, "env", "GOROOT"))
}

func run(t *testing.T, env []string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(context.Background(), "go", args...)
	command.Env = append(os.Environ(), append(env, "CGO_ENABLED=0")...)
	var problems bytes.Buffer
	command.Stderr = &problems
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", args[0], err, problems.String())
	}
	return string(out)
}

// difference returns the first line that two texts do not have in common, as the second has it.
func difference(got, want string) string {
	other := strings.Split(got, "\n")
	for i, line := range strings.Split(want, "\n") {
		if i >= len(other) || other[i] != line {
			return line
		}
	}
	return "the end"
}
