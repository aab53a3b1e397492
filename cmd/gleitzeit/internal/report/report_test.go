package report

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// hostile are texts that break out of a page, or out of Markdown, that is not careful.
var hostile = []string{
	"</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"><b onmouseover='alert(1)'>", "' autofocus onfocus='alert(1)", "javascript:alert(1)",
	"</pre></details></table><h1>gone</h1>", "<!-- <script>", "]]>", "{{.Run}}", "${secrets.KEY}", "&lt;b&gt;", "a\x00b\x1b[31mred\x07", "\u202Egnp.exe", "@everyone #1 https://evil.example",
	"| a | b |\n| --- | --- |", "```\nnever closed", "[x](javascript:alert(1))", "# heading", strings.Repeat("x", 50_000), "two\nlines", "שלום עולם", "\xff\xfe",
}

func str(s string) value.Value { return value.String(value.EscapeInvalid(s)) }

func object(fields ...any) value.Value {
	var all []value.Field
	for i := 0; i < len(fields); i += 2 {
		all = append(all, value.Field{Name: fields[i].(string), Value: fields[i+1].(value.Value)})
	}
	return value.Object(all...)
}

// hostileRun is a run in which every text is hostile.
func hostileRun(t *testing.T) *fixture {
	t.Helper()
	tasks := []plan.Task{{ID: "each", Method: "llm/chat", FanOut: &plan.FanOut{Values: &noItems}, Parameters: object("prompt", str("Say </pre> ${item}"))}}
	f := newFixture(t, memory.New(), nil)
	items := make([]value.Value, len(hostile))
	for i, evil := range hostile {
		tasks = append(tasks, plan.Task{ID: fmt.Sprintf("t%d", i), Name: evil, Description: evil, Method: "llm/chat", Parameters: object("prompt", str(evil), evil, str(evil)), After: []string{"each"}, When: evil})
		items[i] = str(evil)
	}
	f.plan = &plan.Plan{Name: hostile[0] + hostile[1], Description: strings.Join(hostile, "\n"), Tags: hostile, Version: hostile[2], File: "/f/" + hostile[1], Inputs: object("in", str(hostile[0])), Tasks: tasks}
	for i, evil := range hostile {
		result := string(object("response", str(evil), "model", str(evil), "extra", str(evil)).JSON())
		f.task(fmt.Sprintf("t%d", i), 1, 2, result, func(r *resultstore.Record) { r.Usage = protocol.Usage{LLMCalls: 1, TokensUsed: 2}; r.Warning = evil })
		f.item("each", i, 1, 2, result, func(r *resultstore.Record) {
			if i%2 == 0 {
				r.Status, r.Value, r.Error = protocol.Failed, nil, protocol.Errorf(protocol.InvalidParams, "%s", evil).WithHint("%s", evil)
			}
		})
	}
	f.items("each", items, &protocol.Counts{Total: len(items), Succeeded: len(items) / 2, Failed: len(items) / 2})
	return f
}

// elements are the names of the elements of a page with their attributes, each as often as it occurs.
func elements(t *testing.T, page string) (names map[string]int, all []html.Token) {
	t.Helper()
	names = map[string]int{}
	tokens := html.NewTokenizer(strings.NewReader(page))
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			return names, all
		case html.StartTagToken, html.SelfClosingTagToken:
			token := tokens.Token()
			names[token.Data]++
			all = append(all, token)
		}
	}
}

// Whatever a run has is text in its page: the page has the elements of a harmless run alone, and asks nobody.
func TestHostileContents(t *testing.T) {
	f := hostileRun(t)
	page := f.page(f.run(protocol.Completed, string(object("out", str(hostile[0]), "rtl", str(hostile[12])).JSON())), MaxItems)
	names, all := elements(t, page)
	for _, none := range []string{"b", "h4", "iframe", "object", "form"} {
		if names[none] > 0 {
			t.Errorf("there are %d elements %s", names[none], none)
		}
	}
	if names["script"] != 1 || names["h1"] != 1 || names["style"] != 1 || names["img"] != 0 {
		t.Errorf("elements: %v", names)
	}
	for _, token := range all {
		for _, attribute := range token.Attr {
			if strings.HasPrefix(attribute.Key, "on") {
				t.Errorf("%s has %s=%q", token.Data, attribute.Key, attribute.Val)
			}
			if (attribute.Key == "src" || attribute.Key == "href") && !strings.HasPrefix(attribute.Val, "data:") && !strings.HasPrefix(attribute.Val, "#") {
				t.Errorf("%s leads to %q", token.Data, attribute.Val)
			}
			if attribute.Key == "style" {
				t.Errorf("%s has a style, which the policy refuses", token.Data)
			}
		}
	}
	for _, raw := range []string{"\x00", "\x1b", "\x07", "\u202E", "\xff"} {
		if strings.Contains(page, raw) {
			t.Errorf("the page has %q", raw)
		}
	}
	for _, shown := range []string{"&lt;/script&gt;&lt;script&gt;alert(1)", "{{.Run}}", "שלום עולם"} {
		if !strings.Contains(page, shown) {
			t.Errorf("the page does not show %q", shown)
		}
	}
	if strings.Contains(page, strings.Repeat("x", maxOutput+1)) {
		at := strings.Index(page, strings.Repeat("x", maxOutput+1))
		t.Errorf("a long text is not cut: %s", page[max(0, at-300):at+20])
	}
}

// In Markdown, what comes from a run is code.
func TestHostileMarkdown(t *testing.T) {
	f := hostileRun(t)
	written := f.markdownOf(f.run(protocol.Completed, string(object("out", str(hostile[15]), "at", str(hostile[13])).JSON())))
	inBlock := ""
	for line := range strings.Lines(written) {
		line = strings.TrimSuffix(line, "\n")
		if fence := regexp.MustCompile("^```+$").FindString(line); fence != "" && (inBlock == "" || inBlock == fence) {
			if inBlock == "" {
				inBlock = fence
			} else {
				inBlock = ""
			}
			continue
		}
		if inBlock != "" {
			continue
		}
		outside := outsideOfCode(line)
		for _, evil := range []string{"<", "@", "](", "evil", "alert", "heading"} {
			if strings.Contains(outside, evil) {
				t.Errorf("%q is no code in %q", evil, line)
			}
		}
		if strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| |") {
			if columns := len(regexp.MustCompile(`(^|[^\\])\|`).FindAllString(line, -1)); columns != 3 && columns != 6 && columns != 7 {
				t.Errorf("%d columns in %q", columns, line)
			}
		}
	}
	if inBlock != "" {
		t.Error("a block is not closed")
	}
	if len(written) > 65_536 {
		t.Errorf("%d bytes do not fit into a comment", len(written))
	}
}

// outsideOfCode returns a line of Markdown without its code spans.
func outsideOfCode(line string) string {
	var outside strings.Builder
	for line != "" {
		at := strings.IndexByte(line, '`')
		if at < 0 {
			return outside.String() + line
		}
		outside.WriteString(line[:at])
		fence := line[at : at+len(line[at:])-len(strings.TrimLeft(line[at:], "`"))]
		line = line[at+len(fence):]
		for {
			end := strings.Index(line, fence)
			if end < 0 {
				return outside.String() + line
			}
			after := end + len(fence)
			longer := after < len(line) && line[after] == '`'
			for after < len(line) && line[after] == '`' {
				after++
			}
			line = line[after:]
			if !longer {
				break
			}
		}
	}
	return outside.String()
}

// chain is a run with two tasks, items and steps, of which one has failed.
func chain(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t, memory.New(), &plan.Plan{
		Name: "Letters", Version: "1.4", Tags: []string{"post"}, Folder: "/f",
		Inputs: object("language", str("English"), "api_key", str("sk-0123456789"), "max_tokens", value.Int(7), "options", object("githubToken", str("ghp_x"), "deep", value.Bool(true))),
		Tasks: []plan.Task{
			{ID: "read", Name: "Read them", Method: "python/execute", Parameters: object("code", str("result = 1"))},
			{ID: "each", Method: "steps", After: []string{"read"}, Uses: []plan.Use{{Head: "read", Task: "read"}}, Retry: &protocol.Retry{MaxAttempts: 2}, FanOut: &plan.FanOut{
				Values: &noItems,
				Steps: &plan.Steps{Result: 1, Tasks: []plan.Task{
					{ID: "draft", Method: "llm/chat", Uses: []plan.Use{{Head: "read", Task: "read"}}, Parameters: object("prompt", str("In ${inputs.language}, ${read.result}: ${item.name} [${secrets.KEY}]"))},
					{ID: "polish", Method: "llm/chat", Parameters: object("prompt", str("Polish: ${draft.response}"))},
				}},
			}},
			{ID: "mail", Method: "llm/chat", After: []string{"each"}, When: "${read.result} > 2", Parameters: object("prompt", str("with ${inputs.api_key}"))},
		},
	})
	f.task("read", 0, 5, `{"result":1}`, nil)
	answer := func(said string) string {
		return string(object("response", value.String(said), "model", value.String("tiny"), "eval_duration", value.Float(2)).JSON())
	}
	used := func(r *resultstore.Record) { r.Usage = protocol.Usage{LLMCalls: 1, PromptTokens: 30, TokensUsed: 10} }
	step := func(id string, index int, result string) {
		f.item("each."+id, index, 10, 12, result, func(r *resultstore.Record) { r.Kind = resultstore.Step; used(r) })
	}
	step("draft", 0, answer("a draft"))
	step("polish", 0, answer("a letter"))
	step("draft", 1, answer("another draft"))
	f.item("each", 0, 10, 20, answer("a letter"), used)
	failed := func(attempt int) func(*resultstore.Record) {
		return func(r *resultstore.Record) {
			r.Status, r.Attempt, r.Attempts = protocol.Failed, attempt, attempt
			r.Error = protocol.Errorf(protocol.TaskExecutionFailed, "the server is busy:\nTraceback\nBusyError: attempt %d", attempt).WithHint("wait a little")
		}
	}
	f.item("each", 1, 10, 15, "", failed(1))
	f.item("each", 1, 16, 20, "", failed(2))
	f.items("each", []value.Value{object("name", str("Ada")), object("name", str("Bo")), object("name", str("Cy"))}, nil)
	f.task("mail", 60, 60, "", func(r *resultstore.Record) { r.Status, r.Reason = protocol.Skipped, "its condition is false" })
	return f
}

func TestReport(t *testing.T) {
	f := chain(t)
	run := f.run(protocol.Failed, `{"letter":"a letter"}`)
	page := f.page(run, MaxItems)
	plain := plainText(page)
	for _, want := range []string{
		"Letters", "failed", "2026-01-02 12:00:00 UTC", "1.4", "post", "Items completed 1 of 3 1 failed",
		"1 item of each , for example", "the server is busy: BusyError: attempt 2", "wait a little",
		"Read them", "its condition is false", "letter a letter", "language English", "max_tokens 7",
		"In English, 1: Ada [${secrets.KEY}]", "Polish: a draft", "Failed before: the server is busy", "2 attempts", "with (hidden)",
		"tiny 3 90 30 5.0",
	} {
		if !strings.Contains(plain, want) {
			t.Errorf("%q is missing in\n%s", want, plain)
		}
	}
	for _, secret := range []string{"sk-0123456789", "ghp_x"} {
		if strings.Contains(page, secret) || strings.Contains(f.markdownOf(run), secret) {
			t.Errorf("%q is in the report", secret)
		}
	}
	if written := f.markdownOf(run); !strings.Contains(written, "| 1 | `{\"name\":\"Bo\"}` | failed | 4.00 s | `the server is busy") || !strings.Contains(written, "`tiny`") {
		t.Error(written)
	}
}

// plainText is what a page says, without its style and script.
func plainText(page string) string {
	var all []string
	skip := ""
	for tokens := html.NewTokenizer(strings.NewReader(page)); ; {
		switch tokens.Next() {
		case html.ErrorToken:
			return strings.Join(all, " ")
		case html.StartTagToken:
			if name, _ := tokens.TagName(); string(name) == "style" || string(name) == "script" || string(name) == "svg" {
				skip = string(name)
			}
		case html.EndTagToken:
			if name, _ := tokens.TagName(); string(name) == skip {
				skip = ""
			}
		case html.TextToken:
			if words := strings.Fields(string(tokens.Text())); skip == "" && len(words) > 0 {
				all = append(all, html.UnescapeString(strings.Join(words, " ")))
			}
		}
	}
}

// An open run says what is known of it so far, and when that was.
func TestAnOpenRun(t *testing.T) {
	f := chain(t)
	run := f.run(protocol.Running, "")
	if page := plainText(f.page(run, MaxItems)); !strings.Contains(page, "The run is running: this is its state at 2026-01-02 13:00:00 UTC.") || !strings.Contains(page, "so far") {
		t.Error(page)
	}
	run.Interrupted = true
	if page := plainText(f.page(run, MaxItems)); !strings.Contains(page, "no process executes it") || !strings.Contains(page, "interrupted") {
		t.Error(page)
	}
}

// The time line of an open run has what is in progress: the attempts that workers execute, and a question that waits for its answer.
func TestTheTimeLineOfAnOpenRun(t *testing.T) {
	f := newFixture(t, memory.New(), &plan.Plan{Name: "Open", Tasks: []plan.Task{
		{ID: "script", Method: "python/execute"}, {ID: "ask", Method: "human/approve"}, {ID: "each", Method: "llm/chat", FanOut: &plan.FanOut{Values: &noItems}},
	}})
	question := f.keep([]byte(`{}`))
	f.task("ask", 10, 0, "", func(r *resultstore.Record) {
		r.Status, r.FinishedAt, r.Approval = protocol.Pending, time.Time{}, question
	})
	f.item("each", 0, 0, 1800, "", nil)
	f.items("each", []value.Value{str("a"), str("b")}, nil)
	run := f.run(protocol.Running, "")
	run.Merge(view.Live{Status: protocol.Running, Running: []string{"script", "each"}, InFlight: map[string][]time.Time{
		"script": {noon.Add(30 * time.Minute)}, "each": {noon.Add(45 * time.Minute)},
	}})
	page := f.page(run, MaxItems) // Made an hour after the run began.
	for _, want := range []string{
		`<rect class="running" x="50.00%" y="15%" width="50.00%" height="70%"><title>script: running after 30m0s, for 30m0s</title></rect>`,
		`<title>ask: waiting for an answer after 10 s, for 59m50s</title>`,
		`<rect class="completed" x="0.00%" y="0.00%" width="50.`, `<rect class="running" x="75.00%" y="0.00%" width="25.00%" height="100.00%">`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%s is missing in\n%s", want, page[strings.Index(page, `id="timeline"`):strings.Index(page, `class="legend`)])
		}
	}
	run.Interrupted = true
	if page := f.page(run, MaxItems); strings.Contains(page, `<rect class="running"`) {
		t.Error("nothing of an interrupted run is running")
	}
}

// Each attempt and each round has a bar of its own: the pauses between them are no work. Records of earlier versions do not have when a
// later attempt began.
func TestPausesAreNotWork(t *testing.T) {
	f := newFixture(t, memory.New(), &plan.Plan{Name: "Pauses", Tasks: []plan.Task{
		{ID: "shaky", Method: "python/execute"}, {ID: "old", Method: "python/execute"}, {ID: "loop", Method: "python/execute"},
		{ID: "each", Method: "llm/chat", FanOut: &plan.FanOut{Values: &noItems}},
	}})
	later := func(attempt int, began float64, status protocol.Status) func(*resultstore.Record) {
		return func(r *resultstore.Record) {
			r.Attempt, r.Attempts, r.Status = attempt, attempt, status
			if attempt > 1 && began > 0 {
				r.AttemptAt = noon.Add(time.Duration(began * float64(time.Second)))
			}
		}
	}
	round := func(number int, began float64) func(*resultstore.Record) {
		return func(r *resultstore.Record) {
			later(number, began, protocol.Completed)(r)
			r.Attempts, r.Rounds = 1, number
		}
	}
	f.task("shaky", 0, 6, "", later(1, 0, protocol.Failed))
	f.task("shaky", 0, 33, "", later(2, 30, protocol.Failed))
	f.task("shaky", 0, 60, "", later(3, 54, protocol.Completed))
	f.task("old", 6, 12, "", later(1, 0, protocol.Failed))
	f.task("old", 6, 30, "", later(2, 0, protocol.Completed))
	first := resultstore.RoundKey(resultstore.Key{Task: "loop", Item: protocol.NoItem})
	f.item(first.Task, first.Item, 0, 6, "", func(r *resultstore.Record) { round(1, 0)(r); r.Kind = resultstore.Round })
	f.task("loop", 0, 60, "", round(2, 48))
	f.item("each", 0, 0, 14, "", later(1, 0, protocol.Failed))
	f.item("each", 0, 0, 60, "", later(2, 45, protocol.Completed))
	f.items("each", []value.Value{str("a")}, &protocol.Counts{Total: 1, Succeeded: 1})
	page := f.page(f.run(protocol.Completed, ""), MaxItems)
	for _, want := range []string{
		`x="0.00%" y="15%" width="10.00%" height="70%"><title>shaky: failed after 0.00 s, for 6.00 s</title>`,
		`x="50.00%" y="15%" width="5.00%" height="70%"><title>shaky: failed after 30 s, for 3.00 s, attempt 2</title>`,
		`x="90.00%" y="15%" width="10.00%" height="70%"><title>shaky: completed after 54 s, for 6.00 s, attempt 3</title>`,
		`x="20.00%" y="15%" width="30.00%" height="70%"><title>old: completed after 12 s, for 18 s, attempt 2</title>`,
		`aria-label="loop: completed, 60 s, 2 rounds"`, `<title>loop: completed after 0.00 s, for 6.00 s, round 1</title>`, `<title>loop: completed after 48 s, for 12 s, round 2</title>`,
		`<rect class="completed" x="0.00%" y="0.00%" width="23.12%" height="100.00%"></rect><rect class="failed" x="23.12%"`, `<rect class="completed" x="75.00%" y="0.00%" width="25.00%"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%s is missing in\n%s", want, page[strings.Index(page, `id="timeline"`):strings.Index(page, `class="legend`)])
		}
	}
}

// Code stands as it was written, with the values of its references beside it: they are variables, and never stood in it.
func TestCodeIsShownAsWritten(t *testing.T) {
	const code = "result = ${split.result}.split() + [${split.result}, ${secrets.KEY}]"
	f := newFixture(t, memory.New(), &plan.Plan{Name: "Code", Tasks: []plan.Task{
		{ID: "split", Method: "python/execute"},
		{ID: "join", Method: "python/execute", After: []string{"split"}, Uses: []plan.Use{{Head: "split", Task: "split"}}, Parameters: object("code", str(code))},
		{ID: "each", Method: "python/execute", FanOut: &plan.FanOut{Values: &noItems}, Uses: []plan.Use{{Head: "split", Task: "split"}}, Parameters: object("code", str("result = ${item.n} + ${split.result}"))},
	}})
	f.task("split", 0, 1, `{"result":"to be"}`, nil)
	f.task("join", 1, 2, `{"result":["to","be"]}`, nil)
	f.item("each", 0, 2, 3, `{"result":1}`, nil)
	f.items("each", []value.Value{object("n", str("one"))}, &protocol.Counts{Total: 1, Succeeded: 1})
	page := plainText(f.page(f.run(protocol.Completed, ""), MaxItems))
	for _, want := range []string{"code " + code + " ${split.result} to be", "code result = ${item.n} + ${split.result}", "${item.n} one"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is missing in\n%s", want, page)
		}
	}
	for _, never := range []string{"= to be.split", "result = one", "${secrets.KEY} "} {
		if strings.Contains(page, never) {
			t.Errorf("%q is in\n%s", never, page)
		}
	}
}

// Behind an item is the prompt as it was sent, with what stood in its file, unless an input is a secret that may stand in it.
func TestPromptsAsTheyWereSent(t *testing.T) {
	for _, input := range []string{"language", "api_key"} {
		f := newFixture(t, memory.New(), &plan.Plan{Name: "Sent", Inputs: object(input, str("sk-0123456789")), Tasks: []plan.Task{
			{ID: "each", Method: "llm/chat", FanOut: &plan.FanOut{Values: &noItems}, Parameters: object("model", str("tiny"), "prompt", str("hi ${item} ${inputs."+input+"}"), "seed", str("${index}"))},
		}})
		data, err := json.Marshal(protocol.CallLog{Events: []protocol.LogEvent{
			{Sent: &protocol.Sent{Model: "tiny", Messages: []protocol.SentMessage{{Role: "user", Text: "hi a sk-0123456789\n<the file>", Bytes: 40, Tail: "end", Images: 1}}}},
			{Sent: &protocol.Sent{Model: "tiny", Again: 1, Messages: []protocol.SentMessage{{Role: "tool", Text: "second"}}}},
		}})
		f.must(err)
		log := f.keep(data)
		f.item("each", 0, 2, 3, `{"response":"hello"}`, func(r *resultstore.Record) { r.Log = log })
		f.items("each", []value.Value{str("a")}, &protocol.Counts{Total: 1, Succeeded: 1})
		page := plainText(f.page(f.run(protocol.Completed, ""), MaxItems))
		sent := "seed 0 sent: user (with images: 1) hi a sk-0123456789 <the file> [… 8 bytes are not recorded …] end further requests 1, which `gleitzeit logs` shows"
		if hides := input == "api_key"; strings.Contains(page, sent) == hides || hides && (strings.Contains(page, "sk-") || !strings.Contains(page, "prompt hi a (hidden)")) {
			t.Errorf("%s:\n%s", input, page)
		}
	}
}

func TestTicksAreRound(t *testing.T) {
	for whole, want := range map[time.Duration]string{
		10200 * time.Millisecond: "0 5s 10s", 4 * time.Second: "0 1s 2s 3s 4s", 5 * time.Millisecond: "0 1ms 2ms 3ms 4ms 5ms", 170 * time.Second: "0 1min 2min",
		100 * time.Minute: "0 30min 60min 90min", 26 * time.Hour: "0 6h 12h 18h 24h", 12 * 24 * time.Hour: "0 3d 6d 9d 12d", 500 * time.Microsecond: "0",
	} {
		var got []string
		for _, tick := range ticks(whole) {
			got = append(got, strings.ReplaceAll(tick.Label, " ", ""))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", whole, got, want)
		}
	}
}

// Items beyond the limit are not in the page, which says how many, and how to see them.
func TestALimitOfItems(t *testing.T) {
	f := large(t, 450)
	run := f.run(protocol.Completed, "")
	page := f.page(run, 300)
	if got := strings.Count(page, "<tr class="); got != 300 {
		t.Errorf("%d items", got)
	}
	if plain := plainText(page); !strings.Contains(plain, "150 of 450 items that have ended are not in this report. gleitzeit batch export r batch --format jsonl writes all of them.") ||
		!strings.Contains(plain, "Items 0 to 199") || !strings.Contains(plain, "Items 200 to 299") {
		t.Error(plain[max(0, len(plain)-1000):])
	}
	if got := strings.Count(f.page(run, MaxItems), "<tr class="); got != 450 {
		t.Errorf("%d items", got)
	}
	if written := f.markdownOf(run); !strings.Contains(written, "items that have ended are left out") && strings.Count(written, "\n| ") < 450 {
		t.Error("items are missing, and nothing says so")
	}
}

// A picture is shown as the item had it: neither one that has changed since, nor anything else that is in its file.
func TestThumbnails(t *testing.T) {
	folder := t.TempDir()
	red, err := os.ReadFile("../../../../examples/06-vision/images/red.png")
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, data []byte, at time.Time) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		return path
	}
	before := noon.Add(-time.Hour)
	for _, test := range []struct{ path, why string }{
		{write("red.png", append(red, "hidden words"...), before), ""},
		{write("late.png", red, noon.Add(time.Hour)), "the file has changed since"},
		{write("text.png", []byte("hello"), before), "not an image that can be shown"},
		{filepath.Join(folder, "gone.png"), "the file is gone"},
		{folder + "/", ""},
		{write("text.txt", []byte("hello"), before), ""},
	} {
		shown, why := (&thumbnails{}).of(test.path, noon)
		if why != test.why || (shown != "") != strings.HasSuffix(test.path, "red.png") {
			t.Errorf("%s: %.40s, %q", filepath.Base(test.path), shown, why)
		}
		if shown != "" && !strings.HasPrefix(string(shown), "data:image/jpeg;base64,") {
			t.Errorf("%.60s", shown)
		}
	}
	many := &thumbnails{count: maxThumbnails}
	if shown, why := many.of(filepath.Join(folder, "red.png"), noon); shown != "" || why == "" {
		t.Errorf("%.40s, %q", shown, why)
	}
}

func TestSecretNames(t *testing.T) {
	for name, want := range map[string]bool{
		"password": true, "api_key": true, "apiKey": true, "githubToken": true, "DB_PASSWORD": true, "client-secret": true, "private_key": true,
		"max_tokens": false, "key": false, "keyboard": false, "author": false, "tokenizer": false, "secretary": false, "language": false, "": false,
	} {
		if isSecretName(name) != want {
			t.Errorf("%q: %t", name, !want)
		}
	}
}

func TestFileName(t *testing.T) {
	for run, want := range map[string]string{
		"letters-0123": "letters-0123.html", "../../etc/passwd": "etc-passwd.html", "a b": "a-b.html", ".hidden": "hidden.html", "-": "report.html", "..": "report.html",
	} {
		if got := FileName(run); got != want {
			t.Errorf("%q: %q, want %q", run, got, want)
		}
	}
}
