package mistyped

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/suggest"
)

// Prompt describes words that follow the files of a batch, are none themselves, and were probably meant as its prompt, or as the rest of a
// prompt of one word: a shell divides what is not in quotes. It is nil where that is not so.
func Prompt(paths []string, prompt string) error {
	first := slices.IndexFunc(paths, isWord)
	if first < 1 || strings.Contains(prompt, " ") || slices.ContainsFunc(paths[:first], isMissing) || slices.ContainsFunc(paths[first:], func(path string) bool { return !isWord(path) }) {
		return nil
	}
	words := paths[first:]
	if prompt != "" {
		words = append([]string{prompt}, words...)
	}
	what := fmt.Sprintf("there is no file %q", paths[first])
	if prompt == "" {
		return fmt.Errorf("%s; for a prompt write --prompt %s", what, view.ShellWords(strings.Join(words, " ")))
	}
	return fmt.Errorf("%s; if it belongs to the prompt, put that in quotes: --prompt %s", what, view.ShellWords(strings.Join(words, " ")))
}

// Pattern describes a pattern that the shell has replaced by the names of files, because it is not in quotes: the first is the value of the
// flag, and the others are among the paths. It is nil where that is not so.
func Pattern(pattern string, paths []string) error {
	ending := filepath.Ext(pattern)
	if ending == "" || strings.ContainsAny(pattern, "*?[{/") || !isFile(pattern) || len(paths) < 2 || isFile(paths[0]) {
		return nil
	}
	for _, path := range paths[1:] {
		if filepath.Ext(path) != ending || strings.Contains(path, "/") || !isFile(path) {
			return nil
		}
	}
	return fmt.Errorf("the shell has replaced the pattern by names of files, such as %q; put it in quotes: --pattern '*%s'", pattern, ending)
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// isWord reports whether a path is no file, and looks like none.
func isWord(path string) bool {
	return isMissing(path) && !strings.ContainsAny(path, "/\\*") && !strings.Contains(strings.TrimRight(path, ".?!"), ".")
}

func isMissing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// Pair describes the first of the arguments that should be NAME=VALUE and is not; nil where all are. It may belong to the value before it,
// which was not in quotes, or be the value of the parameter that a method mostly has alone; empty if there is none.
func Pair(arguments []string, parameter string) error {
	isPair := func(argument string) bool { return strings.Index(argument, "=") > 0 }
	at := slices.IndexFunc(arguments, func(argument string) bool { return !isPair(argument) })
	if at < 0 {
		return nil
	}
	end := at
	for end < len(arguments) && !isPair(arguments[end]) {
		end++
	}
	name, words := parameter, arguments[at:end]
	if len(words) > 1 && (words[0] == parameter || words[1] == "=") { // A name, and its value behind a space.
		return fmt.Errorf("%q: expected NAME=VALUE; write %s=%s", words[0], words[0], view.ShellWords(behind(words[1:])))
	}
	begin := strings.Join(words, " ")
	if at > 0 {
		value := ""
		name, value, _ = strings.Cut(arguments[at-1], "=")
		begin = value + " " + begin
	}
	if name == "" {
		return fmt.Errorf("%q: expected NAME=VALUE", arguments[at])
	}
	return fmt.Errorf("%q: expected NAME=VALUE; write %s=%s", arguments[at], name, view.ShellWords(begin))
}

// behind is the value in words that follow a name: those up to the next name with an equals sign behind it.
func behind(words []string) string {
	if words[0] == "=" {
		words = words[1:]
	}
	for i := 1; i < len(words); i++ {
		if words[i] == "=" {
			words = words[:i-1]
		}
	}
	return cmp.Or(strings.Join(words, " "), "VALUE")
}

// Files lists what may be workflows in a folder.
func Files(folder string) (flows []string) {
	for _, ending := range []string{"*.yaml", "*.yml"} {
		found, err := filepath.Glob(filepath.Join(folder, ending))
		if err != nil {
			return nil // The folder looks like a pattern.
		}
		flows = append(flows, found...)
	}
	return flows
}

// File names the workflow that was probably meant by the path of a file that does not exist, or by that of a folder; empty if none was.
func File(path string) string {
	folder, name := filepath.Split(path)
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		folder, name = path, ""
	}
	flows := Files(folder)
	if name == "" && len(flows) == 1 {
		return flows[0]
	}
	named := strings.TrimSuffix(name, filepath.Ext(name)) // The ending is the same in most cases, and would make all names similar.
	names := map[string]string{}
	var known []string
	for _, flow := range flows {
		stem := strings.TrimSuffix(filepath.Base(flow), filepath.Ext(flow))
		if stem == named {
			return flow
		}
		names[stem] = flow
		known = append(known, stem)
	}
	return names[suggest.Nearest(named, known)]
}
