package stories_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/require"
)

// measure runs a command and writes what it took. A child of the test itself would count the memory of the test as its own.
const measure = `
import resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], "w") as to: to.write(f"{used.ru_maxrss >> 10} {used.ru_utime + used.ru_stime}")
sys.exit(code)
`

// usage runs a copy of the program to its end, and returns its peak memory in MB and its seconds of processor time, those of its
// children included: the pages of a file that was just linked would count as well.
func (u *user) usage(code int, stdout io.Writer, args ...string) (stderr string, peak int, seconds float64) {
	u.T.Helper()
	require.Long(u.T, "this test measures memory: the race detector takes ten times as much")
	folder := u.T.TempDir()
	copied, taken := filepath.Join(folder, "gleitzeit"), filepath.Join(folder, "taken")
	must(u.T, exec.Command("cp", program(u.T), copied).Run())
	command := exec.Command("python3", append([]string{"-c", measure, taken, copied}, args...)...)
	command.Dir, command.Env, command.Stdout = u.Work, u.Environment(), stdout
	p := begin(u.T, command)
	p.Exits(code)
	_, err := fmt.Sscan(read(u.T, taken), &peak, &seconds)
	must(u.T, err)
	u.T.Logf("%v: %d MB, %.2f s", args, peak, seconds)
	return p.Stderr.String(), peak, seconds
}

// TestManyUnknownKeys has a file that passes a limit, one just within it, and one of the values of inputs.
func TestManyUnknownKeys(t *testing.T) {
	const flow = "name: x\ntasks: [{id: a, method: mcp/tool.echo, parameters: {message: x}}]\n"
	keys := func(count int, indent string) string {
		var text strings.Builder
		for i := range count {
			fmt.Fprintf(&text, "%sk%d: 1\n", indent, i)
		}
		return text.String()
	}
	u := newUser(t)
	u.File("beyond.yaml", flow+keys(600_000, ""))
	u.File("task.yaml", "name: x\ntasks:\n  - id: a\n    method: mcp/tool.echo\n"+keys(600_000, "    "))
	u.File("within.yaml", flow+keys(170_000, ""))
	u.File("flow.yaml", flow)
	u.File("values.yaml", keys(170_000, ""))
	for _, test := range []struct {
		name string
		most int // MB.
		args []string
		want []string
	}{
		{"beyond the limit", 200, []string{"validate", "beyond.yaml"}, []string{
			"beyond.yaml:1:1: the file has more than 350000 commas, colons, brackets, dashes and lines; ", "and at least 19799 more [unknown-key]\n",
		}},
		{"beyond the limit in a task", 200, []string{"validate", "task.yaml"}, []string{"task.yaml:5:5: unknown key \"k0\" in a task", "and at least 19797 more [unknown-key]\n"}},
		{"beyond the limit, run", 200, []string{"run", "beyond.yaml"}, []string{"and at least 19799 more [unknown-key]\n"}},
		{"within the limit", 350, []string{"validate", "within.yaml"}, []string{"within.yaml:3:1: unknown key \"k0\"", "within.yaml:203:1: and 169800 more [unknown-key]\n"}},
		{"unknown inputs", 350, []string{"validate", "flow.yaml", "--inputs", "values.yaml"}, []string{"values.yaml:201:1: and 169800 more [inputs]\n"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			at := *u
			copied := *u.User
			at.User, copied.T = &copied, t
			stderr, peak, seconds := at.usage(2, nil, test.args...)
			for _, want := range test.want {
				if !strings.Contains(stderr, want) {
					t.Errorf("no %q in %s", want, stderr)
				}
			}
			if lines := strings.Count(stderr, "\n"); lines != 201 {
				t.Errorf("%d lines", lines)
			}
			if peak > test.most || seconds > 2 { // What it takes on a busy machine varies: seven times as much before there were limits.
				t.Errorf("it takes %d MB and %.2f s", peak, seconds)
			}
		})
	}
}

// TestMemoryOfALargeValue: a text of 60 MB, made by a task, used by another one, and printed. Without such a text the program takes
// 185 MB, of which two thirds are its file; the limit is for it and for each process of a script.
func TestMemoryOfALargeValue(t *testing.T) {
	const (
		most   = 330 // MB.
		size   = 60_000_000
		plain  = "'x' * 60_000_000"
		random = "__import__('base64').b64encode(__import__('os').urandom(45_000_000)).decode()"
		lines  = "('\\\"a line\\\"' + chr(10)) * 5_000_000"
	)
	flow := func(made, more string) string {
		return "name: large\ntasks:\n  - {id: a, method: python/execute, parameters: {code: \"result = " + made + "\"}}\n" + more
	}
	const (
		used    = "  - {id: b, method: python/execute, parameters: {code: \"result = len(context['t'])\", context: {t: \"${a.result}\"}}, dependencies: [a]}\n"
		outputs = "outputs: {text: \"${a.result}\", n: \"${b.result}\"}\n"
		passed  = "  - {id: b, method: python/execute, parameters: {code: \"result = context['a']['result']\"}, dependencies: [a]}\n"
		inCode  = "  - {id: b, method: python/execute, parameters: {code: \"result = len(${a.result})\"}}\noutputs: {n: \"${b.result}\"}\n"
		echoed  = "  - {id: b, method: mcp/tool.echo, parameters: {message: \"${a.result}\"}}\n"
	)
	for _, test := range []struct {
		name, flow string
		printed    int // Bytes, and a few more.
	}{
		{"made", flow(plain, ""), size},    // 690 MB at first.
		{"random", flow(random, ""), size}, // 540
		{"lines", flow(lines, echoed), 45_000_000},
		{"used", flow(plain, used+outputs), size}, // 920
		{"passed on", flow(plain, passed), size},  // 430
		{"in code", flow(plain, inCode), 0},       // 480
		{"echoed", flow(plain, echoed), size},     // 1260
	} {
		t.Run(test.name, func(t *testing.T) {
			u := newUser(t)
			u.File("flow.yaml", test.flow)
			within := func(printed int, args ...string) string {
				t.Helper()
				// On a busy machine the collector comes late: the least of a few counts, as there is always one without delay.
				stderr, peak := "", most+1
				for range 3 {
					if peak <= most {
						break
					}
					result, err := os.Create(u.Path("result"))
					must(t, err)
					stderr, peak, _ = u.usage(0, result, args...)
					must(t, result.Close())
					info, err := os.Stat(u.Path("result"))
					must(t, err)
					if size := info.Size(); size < int64(printed) || size > int64(printed)+10_000 {
						t.Errorf("%v: %d bytes are printed", args, size)
					}
				}
				if peak > most {
					t.Errorf("%v: it takes %d MB", args, peak)
				}
				return stderr
			}
			id, _, _ := strings.Cut(strings.TrimPrefix(within(test.printed, "run", "flow.yaml"), "run "), "\n")
			within(test.printed, "results", id)
			if test.name == "made" {
				within(size, "run", "flow.yaml", "--new", "-o", "json")
				within(size, "results", id, "a")
				within(size, "results", id, "-o", "json")
				within(size, "results", id, "a", "-o", "json")
			}
		})
	}
}

// TestAToolsTextIsStoredOnce: the result of the tool has it four times, which would be more than a value may have.
func TestAToolsTextIsStoredOnce(t *testing.T) {
	u := newUser(t)
	u.File("flow.yaml", `name: once
tasks:
  - {id: a, method: python/execute, parameters: {code: "result = 'ü' * 10_000_000"}}
  - {id: t, method: mcp/tool.echo, parameters: {message: "${a.result}"}}
  - id: b
    method: python/execute
    parameters:
      code: |
        texts = [${t.response}, ${t.result}, ${t.content[0].text}, context["t"]["echoed"]]
        result = [len(text) for text in texts if text == "ü" * 10_000_000]
    dependencies: [t]
outputs: {lengths: "${b.result}", type: "${t.content[0].type}"}
`)
	stdout, stderr := u.Gleitzeit(0, "run", "flow.yaml")
	wantLines(t, "the outputs", stdout, "lengths: [10000000,10000000,10000000,10000000]", "type: text")
	id, _, _ := strings.Cut(strings.TrimPrefix(stderr, "run "), "\n")
	result, _ := u.Gleitzeit(0, "results", id, "t", "-o", "json")
	if n := strings.Count(result, "ü"); n != 40_000_000 {
		t.Errorf("the result has %d characters of the text", n)
	}
}
