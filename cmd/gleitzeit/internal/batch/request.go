// Package batch is what `gleitzeit batch` makes of its arguments: the workflow that stands for them, and the list of its files and
// prompts before any model is asked.
package batch

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/parameters"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// Request is a batch as it was typed.
type Request struct {
	Files       interpreter.Batch // As far as flags are keys of a batch.
	Recursive   bool
	Prompt      string
	PromptFile  string
	System      string
	Schema      string   // A file, or a short form.
	Model       []string // One, or of a request file several OLD=NEW.
	Provider    string
	NumCtx      int
	Temperature float64
	Vision      bool
	Script      string
	Set         []string // name=value

	splitting
	flags      *pflag.FlagSet
	noRequests string // Why a file that is named like a request file is none.
}

// Register adds the flags of the request.
func (r *Request) Register(flags *pflag.FlagSet) {
	r.flags = flags
	flags.StringVar(&r.Files.Pattern, "pattern", "", `pattern of the files of a folder: "*.txt", or "**/*.txt" to include subfolders (default all files)`)
	flags.BoolVar(&r.Recursive, "recursive", false, "search the folders beneath a folder too, as the pattern **/* does")
	flags.StringArrayVar(&r.Files.Exclude, "exclude", nil, "pattern of files to leave out; repeatable")
	flags.StringVar(&r.Files.Rows, "rows", "", "table whose rows are asked about, instead of files: a CSV, TSV, JSONL, JSON, XLSX (book.xlsx#Sheet) or Parquet `file`; ${item.COLUMN} is a cell")
	flags.StringVar(&r.Files.Key, "key", "", "`column` of --rows that identifies a row (default all of its cells)")
	flags.StringVar(&r.Files.Delimiter, "delimiter", "", "delimiter of CSV in --rows: a `character`, or tab (default the one that fits)")
	flags.IntVar(&r.Files.Limit, "limit", 0, "number of files or rows to take, the first ones (default all)")
	flags.IntVar(&r.Files.Sample, "sample", 0, "number of files or rows to take at random, the same ones each time (default all)")
	flags.Int64Var(&r.Files.Seed, "seed", 0, "seed of --sample")
	flags.StringVar(&r.Prompt, "prompt", "", "question about each file (required to ask a model); ${item.name} is its name")
	flags.StringVar(&r.PromptFile, "prompt-file", "", "`file` with the prompt; - is standard input")
	flags.StringVar(&r.System, "system", "", "instructions for the model, beside the prompt")
	flags.StringVar(&r.Schema, "schema", "", "JSON Schema of each answer: a `file`, or fields such as \"name, age int, tags [str]\"")
	flags.StringArrayVar(&r.Model, "model", nil, "model to ask (default that of the method); of a request file also OLD=NEW, repeatable")
	flags.StringSliceVar(&r.Files.Models, "models", nil, "models, each of which is asked about each file: a,b")
	flags.StringVar(&r.Provider, "provider", "", "provider of the model (default that of the settings)")
	flags.IntVar(&r.NumCtx, "num-ctx", 0, "size of the context in tokens, of prompt and answer together")
	r.splitting.register(flags)
	flags.Float64Var(&r.Temperature, "temperature", 0, "temperature of the model")
	flags.BoolVar(&r.Vision, "vision", false, "the files are images")
	flags.StringVar(&r.Files.Method, "method", "", "method to call for each file, such as llm/embed or mcp/SERVER.tool.NAME (default llm/chat)")
	flags.StringVar(&r.Script, "script", "", "Python `file` to run for each file, instead of asking a model; context[\"file_path\"] is its path, and context has the cells of a row")
	flags.StringArrayVar(&r.Set, "set", nil, "parameter of the method, name=value; repeatable")
	flags.BoolVar(&r.Files.Cache, "cache", false, "use the results of earlier equal calls")
	flags.IntVar(&r.Files.MaxConcurrent, "max-concurrent", 0, "maximum number of files in flight (default 16); calls to a model are further limited by max_concurrent of its provider")
	flags.StringVar(&r.Files.MaxFailures, "max-failures", "", "number or percentage of files that may fail before the rest is skipped (default all)")
	flags.IntVar(&r.Files.MaxTokens, "max-tokens-total", 0, "number of tokens, of all prompts and answers, after which no further file starts (default no limit)")
	flags.StringVar(&r.Files.Deadline, "deadline", "", "duration such as 7h after which the batch stops (default none)")
}

// Rule is the name of the check of flags.
const Rule = "flags"

// problems are those of flags.
type problems []definition.Diagnostic

func (p *problems) add(hint, format string, args ...any) {
	*p = append(*p, definition.Diagnostic{File: "batch", Rule: Rule, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// Batch returns the batch that was typed, and every problem of its flags. The batch can be compiled in any case, to find the
// problems of the rest.
func (r *Request) Batch(paths []string, specs []protocol.Spec, stdin io.Reader) (interpreter.Batch, []definition.Diagnostic) {
	var found problems
	r.checkNumbers(&found)
	b := r.Files
	r.checkPairs(&found)
	if r.flags.Changed("rows") {
		r.checkRows(paths, &b, &found)
	} else if r.isRequestFile(paths) {
		b.Rows, b.Requests, b.Method = paths[0], true, requestMethod
	} else if info, err := os.Stat(paths[0]); len(paths) == 1 && err == nil && info.IsDir() {
		b.Directory = paths[0]
	} else {
		b.Files = paths // What does not exist is reported with all other problems.
		r.checkNamed(paths, &b, &found)
	}
	if b.Limit > 0 {
		b.Sample = 0 // A problem is reported once.
	}
	if b.Sample == 0 {
		b.Seed = 0
	}
	if r.Recursive && b.Rows == "" && !strings.HasPrefix(b.Pattern, "**/") {
		b.Pattern = recursive(b.Pattern)
	}
	switch {
	case r.Script != "":
		b.Method = "python/execute"
	case r.Vision:
		b.Method = "llm/vision"
	case b.Method == "":
		b.Method = interpreter.DefaultMethod
	}
	r.splitting.apply(r.flags, r.Set, &b, &found)
	b.Parameters = r.parameters(b, parameters.Method(specs, b.Method), stdin, &found)
	return b, found
}

// checkNamed reports flags that select files of a folder, where all paths are files: those that are named are taken.
func (r *Request) checkNamed(paths []string, b *interpreter.Batch, found *problems) {
	if slices.ContainsFunc(paths, func(path string) bool { info, err := os.Stat(path); return err != nil || info.IsDir() }) {
		return // Of a folder they select, and of what does not exist nobody knows.
	}
	for _, flag := range []string{"pattern", "recursive", "exclude"} {
		if r.flags.Changed(flag) {
			found.add("every file that is named is taken: leave out --"+flag+", or name a folder", "--%s has no effect on files that are named", flag)
		}
	}
	b.Pattern, b.Exclude, r.Recursive = "", nil, false // A problem is reported once.
}

// checkRows reports what is not supported for rows.
func (r *Request) checkRows(paths []string, b *interpreter.Batch, found *problems) {
	if b.Rows == "" {
		found.add("", "--rows must name a table")
	}
	if len(paths) > 0 {
		found.add("the rows of --rows are asked about, and no files", "unexpected argument %q beside --rows", paths[0])
	}
	for _, flag := range []string{"pattern", "recursive", "exclude"} {
		if r.flags.Changed(flag) {
			found.add("--rows takes the rows of one table; --limit and --sample choose some", "--rows and --%s cannot be combined", flag)
		}
	}
	if r.flags.Changed("models") {
		found.add("--model names the model for all rows; start a batch with its own --output for each model", "--rows and --models cannot be combined")
	}
	sets := func(name string) bool {
		return slices.ContainsFunc(r.Set, func(pair string) bool { return strings.HasPrefix(pair, name+"=") })
	}
	if sets("encoding") && !sets("file_path") && !sets("files") {
		found.add("encoding is that of documents in file_path and files; a table must be UTF-8 or UTF-16: `iconv -f windows-1252 -t utf-8` converts one", "--set encoding has no effect on the table of --rows")
	}
	b.Pattern, b.Exclude, b.Models = "", nil, nil // A problem is reported once.
}

// recursive returns the pattern of the same files in a folder and in all beneath it.
func recursive(pattern string) string {
	if pattern == "" {
		pattern = "*"
	}
	return "**/" + pattern
}

var tolerance = regexp.MustCompile(`^([0-9]+|[0-9]+(\.[0-9]+)?%)$`)

func (r *Request) checkNumbers(found *problems) {
	for _, of := range []struct {
		flag   string
		number *int
	}{{"limit", &r.Files.Limit}, {"sample", &r.Files.Sample}, {"max-concurrent", &r.Files.MaxConcurrent}, {"num-ctx", &r.NumCtx}, {"max-tokens-total", &r.Files.MaxTokens}} {
		if r.flags.Changed(of.flag) && *of.number < 1 {
			found.add("", "--%s %d is less than 1", of.flag, *of.number)
			*of.number = 0 // A problem is reported once.
		}
	}
	switch given := strconv.FormatFloat(r.Temperature, 'f', -1, 64); {
	case r.Temperature < 0:
		found.add("", "--temperature %s is less than 0", given)
	case !r.hasTemperature():
		found.add("", "--temperature %s is not a number that a model takes", given)
	}
	if r.flags.Changed("deadline") {
		node := definition.Node{Kind: value.KindString, Text: r.Files.Deadline, Written: r.Files.Deadline}
		if period, problem := definition.Duration(&node); problem != "" || period <= 0 {
			found.add("", "--deadline must be a duration such as 90m or 7h, not %q", r.Files.Deadline)
			r.Files.Deadline = ""
		}
	}
	if r.Files.MaxFailures != "" && !tolerance.MatchString(r.Files.MaxFailures) {
		found.add("", "--max-failures must be a number or a percentage such as 10%%, not %q", r.Files.MaxFailures)
		r.Files.MaxFailures = ""
	}
}

// hasTemperature reports whether the temperature is one.
func (r *Request) hasTemperature() bool { return r.Temperature >= 0 && !math.IsInf(r.Temperature, 1) }

// checkPairs reports flags that cannot be combined.
func (r *Request) checkPairs(found *problems) {
	for _, pair := range []struct{ one, other, hint string }{
		{"limit", "sample", "--limit takes the first files, --sample takes some at random"},
		{"prompt", "prompt-file", ""},
		{"model", "models", ""},
		{"vision", "method", "--vision is --method llm/vision"},
		{"script", "method", "--script is --method python/execute"},
		{"script", "vision", ""},
	} {
		if r.flags.Changed(pair.one) && r.flags.Changed(pair.other) {
			found.add(pair.hint, "--%s and --%s cannot be combined", pair.one, pair.other)
		}
	}
	if r.flags.Changed("seed") && !r.flags.Changed("sample") {
		found.add("", "--seed needs --sample")
	}
}

// given is a parameter that a flag sets.
type given struct {
	flag, name string
	value      func() value.Value
}

// parameters are those of the method. The method is nil if it is unknown, which the rules report.
func (r *Request) parameters(b interpreter.Batch, method *protocol.Method, stdin io.Reader, found *problems) []value.Field {
	text := func(s string) func() value.Value { return func() value.Value { return value.String(s) } }
	literal := func(s string) func() value.Value {
		return func() value.Value { return interpreter.Literal(value.String(s)) }
	}
	flags := []given{
		{"prompt", "prompt", text(r.Prompt)},
		{"prompt-file", "prompt", func() value.Value { return r.readPrompt(stdin, found) }},
		{"system", "system", text(r.System)},
		{"model", "model", func() value.Value {
			if len(b.Models) > 0 {
				return value.Value{}
			}
			return r.readModel(b, found)
		}},
		{"models", "model", nil}, // A key of the batch.
		{"provider", "provider", literal(r.Provider)},
		{"schema", "schema", func() value.Value { return r.readSchema(found) }},
		{"num-ctx", "num_ctx", func() value.Value {
			if r.NumCtx < 1 {
				return value.Value{}
			}
			return value.Int(int64(r.NumCtx))
		}},
		{"temperature", "temperature", func() value.Value {
			if !r.hasTemperature() {
				return value.Value{}
			}
			return value.Float(r.Temperature)
		}},
		{"script", "file", literal(r.Script)},
	}
	var known []byte
	if method != nil && !method.IsServerTool {
		known = method.Parameters
	}
	fields := value.Object()
	setBy := map[string]string{}
	for _, flag := range flags {
		if !r.flags.Changed(flag.flag) {
			continue
		}
		if properties := parameters.Properties(known); known != nil && !properties.IsNull() {
			if _, has := properties.Get(flag.name); !has {
				found.add("", "--%s is not supported by %s, which has no parameter %s", flag.flag, b.Method, flag.name)
				continue
			}
		}
		setBy[flag.name] = "--" + flag.flag
		if flag.value == nil {
			continue
		}
		if v := flag.value(); !v.IsNull() {
			fields = fields.With(flag.name, v)
		}
	}
	set, wrong := parameters.Read(r.Set, known)
	for _, err := range wrong {
		found.add("", "--set: %s", err)
	}
	for _, field := range set {
		if flag, twice := setBy[field.Name]; twice {
			found.add("", "%s and --set %s cannot be combined", flag, field.Name)
			continue
		}
		fields = fields.With(field.Name, field.Value)
	}
	if _, has := fields.Get("context"); !has && b.Rows != "" && r.Script != "" {
		fields = fields.With("context", value.String("${item}"))
	}
	if b.Requests {
		fields = r.requestFields(fields)
	}
	r.requirePrompt(b.Method, setBy, &fields, found)
	return fields.Fields()
}

// requirePrompt reports a model that nothing is asked. With an empty prompt there is no other problem of it.
func (r *Request) requirePrompt(method string, setBy map[string]string, fields *value.Value, found *problems) {
	if !slices.Contains([]string{"llm/chat", "llm/generate", "llm/vision"}, method) {
		return
	}
	prompt, has := fields.Get("prompt")
	_, conversation := fields.Get("messages")
	switch {
	case setBy["prompt"] == "--prompt-file":
	case conversation, has && prompt.Text() != "":
		return
	case r.noRequests != "":
		found.add(otherwise, "%s", r.noRequests)
	default:
		word := "file"
		if r.Files.Rows != "" {
			word = "row"
		}
		found.add("", "--prompt is required: it says what to ask the model about each %s, as in --prompt 'Summarize this %[1]s'", word)
	}
	if !has || prompt.Text() == "" {
		*fields = fields.With("prompt", value.String("${item.name}"))
	}
}

// maxPrompt is the maximum size of a file with a prompt or a schema, in bytes.
const maxPrompt = 4 << 20

func (r *Request) readPrompt(stdin io.Reader, found *problems) value.Value {
	text, err := readText(r.PromptFile, stdin)
	switch {
	case err != nil:
		found.add("", "cannot read the prompt in %q: %s", r.PromptFile, err)
	case strings.TrimSpace(text) == "":
		found.add("", "the prompt in %q is empty", r.PromptFile)
	default:
		return value.String(strings.TrimRight(text, "\r\n"))
	}
	return value.Value{}
}

func readText(file string, stdin io.Reader) (text string, err error) {
	from := stdin
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return "", reason(err)
		}
		defer func() { err = errors.Join(err, opened.Close()) }()
		from = opened
	}
	data, err := io.ReadAll(io.LimitReader(from, maxPrompt+1))
	switch {
	case err != nil:
		return "", reason(err)
	case len(data) > maxPrompt:
		return "", fmt.Errorf("it is larger than %d MiB", maxPrompt>>20)
	case value.EscapeInvalid(string(data)) != string(data):
		return "", errors.New("it is not valid UTF-8")
	}
	return strings.TrimPrefix(string(data), "\ufeff"), nil
}

func reason(err error) error {
	if of, is := errors.AsType[*fs.PathError](err); is {
		return of.Err
	}
	return err
}

// Reads returns the files that flags name, beside those that the batch is about.
func (r *Request) Reads() (files []string) {
	for _, file := range []string{r.PromptFile, r.Schema, r.Script} {
		if file != "" && file != "-" {
			files = append(files, file)
		}
	}
	return files
}

// Elsewhere returns the batch with paths that mean the same from another folder.
func Elsewhere(b interpreter.Batch, folder string) interpreter.Batch {
	absolute := func(path string) string {
		if filepath.IsAbs(path) {
			return path
		}
		return folder + "/" + path // Not cleaned: a part may be a link.
	}
	if b.Directory != "" {
		b.Directory = absolute(b.Directory)
	}
	if b.Rows != "" {
		b.Rows = absolute(b.Rows)
	}
	b.Files = slices.Clone(b.Files)
	for i, file := range b.Files {
		b.Files[i] = absolute(file)
	}
	b.Parameters = slices.Clone(b.Parameters)
	script := func(path value.Value) value.Value {
		if path.Kind() != value.KindString || filepath.IsAbs(path.Text()) {
			return path
		}
		return value.String(strings.ReplaceAll(folder, "${", "$${") + "/" + path.Text())
	}
	for i, field := range b.Parameters {
		if field.Name == "file" && b.Method == "python/execute" {
			b.Parameters[i].Value = script(field.Value)
		}
	}
	if method, _ := b.Combine.Get("method"); method.Text() == "python/execute" {
		if file, has := b.Combine.Get("file"); has {
			b.Combine = b.Combine.With("file", script(file))
		}
	}
	return b
}
