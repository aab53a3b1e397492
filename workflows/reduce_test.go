package workflows_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/workflows"
)

// summarizer is a server with OpenAI's API that answers with the marks in a prompt, in their order, and counts tokens by characters. It
// refuses prompts that are too long for its context.
type summarizer struct {
	*httptest.Server
	context int
	fails   string        // Prompts with it fail,
	holds   string        // and those with it are not answered until their client has gone.
	holding chan struct{} // Is closed when one is held.
	meet    int           // The first ones are answered when so many are there.
	met     chan struct{} // Is closed then.

	mu      sync.Mutex
	prompts []string
	refused int
	held    bool
	now     int // Prompts that are being answered,
	most    int // and the most of them at one time.
}

var marks = regexp.MustCompile(`M\d+`)

func newSummarizer(t testing.TB, context int) *summarizer {
	t.Helper()
	s := &summarizer{context: context, holding: make(chan struct{}), met: make(chan struct{})}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/models") {
			_, _ = fmt.Fprintf(w, `{"data": [{"id": "m", "max_model_len": %d}]}`, s.context) // The client may have gone.
			return
		}
		if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/chat/completions") {
			http.NotFound(w, r)
			return
		}
		var body struct {
			Messages []struct{ Content string }
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		s.await(r.Context().Done())
		status, answer := s.answer(body.Messages[len(body.Messages)-1].Content, r.Context().Done())
		data, err := json.Marshal(answer)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write(data) // The client may have gone.
	}))
	t.Cleanup(s.Server.Close)
	return s
}

type completion struct {
	Model   string    `json:"model,omitempty"`
	Choices []choice  `json:"choices,omitempty"`
	Usage   *usage    `json:"usage,omitempty"`
	Error   *apiError `json:"error,omitempty"`
}

type choice struct {
	FinishReason string  `json:"finish_reason"`
	Message      message `json:"message"`
}

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type usage struct {
	Prompt     int `json:"prompt_tokens"`
	Completion int `json:"completion_tokens"`
}

type apiError struct {
	Message string `json:"message"`
	Code    string `json:"code"`
}

func (s *summarizer) answer(prompt string, gone <-chan struct{}) (int, completion) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.now-- }()
	tokens := len(prompt) / 4
	switch {
	case s.holds != "" && strings.Contains(prompt, s.holds):
		if !s.held {
			s.held = true
			close(s.holding)
		}
		s.mu.Unlock()
		<-gone
		s.mu.Lock()
		return http.StatusServiceUnavailable, completion{}
	case s.fails != "" && strings.Contains(prompt, s.fails):
		return http.StatusBadRequest, completion{Error: &apiError{Message: "this prompt is refused"}}
	case tokens > s.context:
		s.refused++
		return http.StatusBadRequest, completion{Error: &apiError{
			Message: fmt.Sprintf("This model's maximum context length is %d tokens. However, you requested %d tokens", s.context, tokens), Code: "context_length_exceeded",
		}}
	}
	s.prompts = append(s.prompts, prompt)
	text := strings.Join(marks.FindAllString(prompt, -1), " ")
	if text == "" {
		text = "nothing"
	}
	return http.StatusOK, completion{Model: "m", Choices: []choice{{"stop", message{"assistant", text}}}, Usage: &usage{tokens, len(text) / 4}}
}

// await counts a prompt, and returns when enough of them are there.
func (s *summarizer) await(gone <-chan struct{}) {
	s.mu.Lock()
	s.now++
	if s.most = max(s.most, s.now); s.now == s.meet {
		close(s.met)
		s.meet = 0
	}
	waits := s.meet > 0
	s.mu.Unlock()
	if waits {
		select {
		case <-s.met:
		case <-gone:
		}
	}
}

// asked returns the prompts that were answered.
func (s *summarizer) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.prompts)
}

// reduction is a workflow that makes one answer of so many texts, of about 30 tokens each.
func reduction(s *summarizer, texts int, more string) string {
	var list []string
	for i := range texts {
		list = append(list, fmt.Sprintf(`"M%d %s"`, i, strings.Repeat("word ", 24)))
	}
	return fmt.Sprintf(`
name: Reduction
tasks:
  - {id: texts, for_each: [%s], method: test/echo, parameters: {value: "${item}"}}
  - id: report
    method: llm/reduce
    retry: {max_attempts: 1}
    parameters: {provider: openai, base_url: "%s", model: m, prompt: List the marks., input: "${texts.results[*].result.value}", max_tokens: 60%s}
  - {id: after, method: test/echo, parameters: {value: "${report.response}"}}
`, strings.Join(list, ", "), s.URL, more)
}

// groups returns the texts of the groups of a task by round, and checks that each call has a record.
func (r *rig) groups(t testing.TB, task string) (rounds map[string][][]string) {
	t.Helper()
	rounds = map[string][][]string{}
	manifest, err := resultstore.LoadManifest(t.Context(), r.store, *r.ofTask(t, task).Items)
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range manifest.Pages {
		items, err := resultstore.LoadPage(t.Context(), r.store, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range items {
			round, texts, isGroup := protocol.TextsOf(item)
			if !isGroup {
				t.Fatalf("%s is no group", item.JSON())
			}
			var group []string
			for _, text := range texts {
				group = append(group, text.Text())
			}
			rounds[round] = append(rounds[round], group)
		}
	}
	return rounds
}

// ofTask returns the record of a task itself.
func (r *rig) ofTask(t testing.TB, task string) resultstore.Record {
	t.Helper()
	item := protocol.NoItem
	records, err := r.store.Records(t.Context(), resultstore.Query{Run: "run-" + r.Queue, Kind: resultstore.Task, Task: task, Item: &item})
	if err != nil || len(records) == 0 {
		t.Fatalf("task %s has no record: %v", task, err)
	}
	return records[len(records)-1]
}

// reduced returns the result of a task.
func (r *rig) reduced(t testing.TB, task string) value.Value {
	t.Helper()
	record := r.ofTask(t, task)
	if record.Value == nil {
		t.Fatalf("task %s has no result: %+v", task, record.Error)
	}
	result, err := resultstore.Load(t.Context(), r.store, protocol.Payload{Ref: record.Value})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func number(t testing.TB, v value.Value, name string) string {
	t.Helper()
	field, _ := v.Get(name)
	return field.Digits()
}

func TestTextsBecomeOneInRounds(t *testing.T) {
	s := newSummarizer(t, 300)
	r := newRig(t)
	result := r.run(t, reduction(s, 40, ""))
	same(t, "status", result.Status, protocol.Completed)
	answer := r.reduced(t, "report")
	response, _ := answer.Get("response")
	var want []string
	for i := range 40 {
		want = append(want, fmt.Sprintf("M%d", i))
	}
	same(t, "response", response.Text(), strings.Join(want, " "))
	rounds := r.groups(t, "report")
	calls, texts := 0, 40
	for n := 1; n <= len(rounds); n++ {
		groups := rounds[fmt.Sprint(n)]
		found := 0
		for _, group := range groups {
			found += len(group)
		}
		same(t, fmt.Sprintf("texts of round %d", n), found, texts)
		calls, texts = calls+len(groups), len(groups)
	}
	same(t, "answers at the end", texts, 1)
	if len(rounds) < 2 {
		t.Errorf("%d rounds", len(rounds))
	}
	same(t, "calls of the server", len(s.asked()), calls)
	same(t, "refused prompts", s.refused, 0)
	same(t, "calls", number(t, answer, "calls"), fmt.Sprint(calls))
	same(t, "rounds", number(t, answer, "rounds"), fmt.Sprint(len(rounds)))
	same(t, "inputs", number(t, answer, "inputs"), "40")
	same(t, "left out", number(t, answer, "left_out"), "0")
	record := r.ofTask(t, "report")
	same(t, "recorded rounds", record.Rounds, len(rounds))
	same(t, "counts of items", record.Counts == nil, true)
	same(t, "calls in the usage", record.Usage.LLMCalls, int64(calls))
	same(t, "tokens in the result", number(t, answer, "prompt_tokens"), fmt.Sprint(record.Usage.PromptTokens))
	same(t, "usage of the run", result.Usage.LLMCalls, int64(40+calls+1))
	same(t, "items of the run", result.Items.Total, 40)
	same(t, "after", string(r.value(t, "after").JSON()), string(response.JSON()))
}

func reduced(t *testing.T, r *rig) client.WorkflowRun {
	t.Helper()
	return r.start(t, compile(t, reduction(newSummarizer(t, 300), 40, "")))
}

func TestOneTextIsOneCall(t *testing.T) {
	s := newSummarizer(t, 300)
	r := newRig(t)
	same(t, "status", r.run(t, reduction(s, 1, "")).Status, protocol.Completed)
	same(t, "calls", len(s.asked()), 1)
	same(t, "calls in the result", number(t, r.reduced(t, "report"), "calls"), "1")
}

// TestACallOfARoundFails: no other round follows, what has completed stays, and the first failure is named.
func TestACallOfARoundFails(t *testing.T) {
	r := newRig(t)
	result, _ := end(t, failedRound(t, r))
	same(t, "status", result.Status, protocol.Failed)
	failed := r.ofTask(t, "report")
	same(t, "status of the task", failed.Status, protocol.Failed)
	if message := failed.Error.Message; !strings.Contains(message, "of round 1 failed; the first is ") || !strings.Contains(message, "this prompt is refused") {
		t.Errorf("message %q", message)
	}
	if !strings.Contains(failed.Error.Hint, "`gleitzeit retry run-") {
		t.Errorf("hint %q", failed.Error.Hint)
	}
	same(t, "rounds", len(r.groups(t, "report")), 1)
}

func failedRound(t *testing.T, r *rig) client.WorkflowRun {
	t.Helper()
	s := newSummarizer(t, 300)
	s.fails = "M20 "
	return r.start(t, compile(t, reduction(s, 40, "")))
}

func TestAReductionIsCancelled(t *testing.T) {
	r := newRig(t)
	result, _ := end(t, cancelledRound(t, r))
	same(t, "status", result.Status, protocol.Cancelled)
	task := r.ofTask(t, "report")
	same(t, "status of the task", task.Status, protocol.Cancelled)
	if !strings.HasPrefix(task.Error.Message, "it was cancelled when ") || !strings.Contains(task.Error.Message, " of round 1 ") {
		t.Errorf("message %q", task.Error.Message)
	}
}

func cancelledRound(t *testing.T, r *rig) client.WorkflowRun {
	t.Helper()
	s := newSummarizer(t, 300)
	s.holds = "M39 "
	run := r.start(t, compile(t, reduction(s, 40, "")))
	<-s.holding
	if err := r.Client.CancelWorkflow(t.Context(), run.GetID(), ""); err != nil {
		t.Fatal(err)
	}
	return run
}

func TestTextsThatCannotBeReduced(t *testing.T) {
	for name, test := range map[string]struct{ input, message, hint string }{
		"empty":    {`[]`, "there is no text: input is an empty list", "skip the task with `when`"},
		"null":     {`["", null, "  "]`, "there is no text: all 3 elements of input are empty", ""},
		"no list":  {`{a: 1}`, "input: ${list.value} must be a list, not an object", "name a list"},
		"too long": {`["M0 ` + strings.Repeat("M1234567 ", 80) + `", "M1 ` + strings.Repeat("M7654321 ", 80) + `"]`, "round 2 would not make fewer texts of ", "limit the answers with `max_tokens`"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSummarizer(t, 300)
			r := newRig(t)
			result := r.run(t, fmt.Sprintf(`
name: Invalid
tasks:
  - {id: list, method: test/echo, parameters: {value: %s}}
  - id: report
    method: llm/reduce
    parameters: {provider: openai, base_url: "%s", model: m, prompt: List the marks., input: "${list.value}", max_tokens: 60}
`, test.input, s.URL))
			same(t, "status", result.Status, protocol.Failed)
			failed := r.ofTask(t, "report")
			if !strings.Contains(failed.Error.Message, test.message) || !strings.Contains(failed.Error.Hint, test.hint) {
				t.Errorf("%q, %q", failed.Error.Message, failed.Error.Hint)
			}
		})
	}
}

// TestElementsWithoutATextAreLeftOut: the results of a task of which some items have failed, or were skipped, are reduced, with a warning;
// so is a field of their results. A field that no result has is an error.
func TestElementsWithoutATextAreLeftOut(t *testing.T) {
	const failing = `for_each: [0, 1, 2], method: test/fail, parameters: {key: "k${index}", times: "${item}", kind: permanent}`
	const skipping = `for_each: [0, 1, 2], when: "${item} == 0", method: test/echo, parameters: {value: done}`
	for name, c := range map[string]struct{ task, input, prompt, failure string }{
		"results":         {failing, "${texts}", "# Text 1\n\n{\"value\":\"done\"}", ""},
		"a field":         {failing, "${texts.results[*].result.value}", "# Text 1\n\ndone", ""},
		"skipped items":   {skipping, "${texts.results[*].result.value}", "# Text 1\n\ndone", ""},
		"a part":          {failing, "${texts.results[0:3][*].result.value}", "# Text 1\n\ndone", ""},
		"an absent field": {failing, "${texts.results[*].result.valu}", "", `has no field "valu"`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSummarizer(t, 300)
			r := newRig(t)
			result := r.run(t, fmt.Sprintf(`
name: Left out
tasks:
  - {id: texts, %s}
  - id: report
    method: llm/reduce
    parameters: {provider: openai, base_url: "%s", model: m, prompt: List the marks., input: "%s"}
`, c.task, s.URL, c.input))
			task := r.ofTask(t, "report")
			if c.failure != "" {
				if task.Error == nil || !strings.Contains(task.Error.Message, c.failure) || len(s.asked()) > 0 {
					t.Errorf("the error is %v, with %d prompts", task.Error, len(s.asked()))
				}
				return
			}
			answer := r.reduced(t, "report")
			same(t, "status", result.Status, protocol.Completed)
			same(t, "warning", task.Warning, "2 of 3 texts were left out: they are empty, or their items have no result")
			same(t, "inputs", number(t, answer, "inputs"), "1")
			same(t, "left out", number(t, answer, "left_out"), "2")
			if prompts := s.asked(); len(prompts) != 1 || !strings.HasSuffix(prompts[0], c.prompt) {
				t.Errorf("prompts %q", prompts)
			}
		})
	}
}

// TestAConditionOfAReduction: it is that of the task.
func TestAConditionOfAReduction(t *testing.T) {
	s := newSummarizer(t, 300)
	r := newRig(t)
	text := fmt.Sprintf(`
name: Condition
tasks:
  - {id: list, method: test/echo, parameters: {value: ["M1"]}}
  - {id: no, method: llm/reduce, when: "${list.value[0]} == \"M2\"", parameters: {provider: openai, base_url: "%[1]s", model: m, prompt: x, input: "${list.value}"}}
  - {id: yes, method: llm/reduce, when: "${list.value[0]} == \"M1\"", parameters: {provider: openai, base_url: "%[1]s", model: m, prompt: x, input: "${list.value}"}}
`, s.URL)
	same(t, "status", r.run(t, text).Status, protocol.Completed)
	same(t, "no", r.ofTask(t, "no").Status, protocol.Skipped)
	same(t, "yes", r.ofTask(t, "yes").Status, protocol.Completed)
	same(t, "calls", len(s.asked()), 1)
}

// TestCallsOfARoundAreLimited: as many of them run at the same time as max_concurrent says, and without it more.
func TestCallsOfARoundAreLimited(t *testing.T) {
	for _, test := range []struct {
		limit       string
		meet, least int
		most        int
	}{{"    max_concurrent: 2\n", 2, 2, 2}, {"", 4, 4, 40}} {
		s := newSummarizer(t, 300)
		s.meet = test.meet
		r := newRig(t)
		text := strings.Replace(reduction(s, 40, ""), "    method: llm/reduce\n", "    method: llm/reduce\n"+test.limit, 1)
		same(t, "status", r.run(t, text).Status, protocol.Completed)
		if s.most < test.least || s.most > test.most {
			t.Errorf("%q: %d calls at the same time", test.limit, s.most)
		}
	}
}

// TestCallsOfAReductionGoToItsQueue: the groupings as well, with the priority of the task.
func TestCallsOfAReductionGoToItsQueue(t *testing.T) {
	s := newSummarizer(t, 300)
	r := newRig(t)
	other := r.Queue + "-gpu"
	r.second(t, other)
	text := strings.Replace(reduction(s, 40, ""), "    method: llm/reduce\n", "    method: llm/reduce\n    priority: high\n    queue: "+other+"\n", 1)
	run := r.start(t, compile(t, text))
	result, _ := end(t, run)
	same(t, "status", result.Status, protocol.Completed)
	groupings := reduceActivities(t, histories(t, r.Client, run.GetID(), run.GetRunID()), other)
	calls := 0
	for _, child := range itemWorkflows(t, r, run.GetID(), run.GetRunID()) {
		if child.GetWorkflowId() == workflows.MapID(run.GetID(), "report") {
			calls += reduceActivities(t, histories(t, r.Client, child.GetWorkflowId(), child.GetRunId()), other)
		}
	}
	same(t, "groupings", fmt.Sprint(groupings), number(t, r.reduced(t, "report"), "rounds"))
	if calls == 0 {
		t.Error("no call was found")
	}
}

// reduceActivities checks the queue and the priority of the activities of a reduction, and counts them.
func reduceActivities(t testing.TB, all [][]*historypb.HistoryEvent, queue string) (count int) {
	t.Helper()
	for _, event := range slices.Concat(all...) {
		scheduled := event.GetActivityTaskScheduledEventAttributes()
		if scheduled.GetActivityType().GetName() != "llm/reduce" {
			continue
		}
		count++
		same(t, "queue of "+scheduled.GetActivityId(), scheduled.GetTaskQueue().GetName(), queue)
		same(t, "priority of "+scheduled.GetActivityId(), scheduled.GetPriority().GetPriorityKey(), int32(plan.High))
	}
	return count
}

// TestCallsOfAReductionAreCached: an equal task makes none, in no round.
func TestCallsOfAReductionAreCached(t *testing.T) {
	for cache, want := range map[string]int{"true": 1, "false": 2} {
		s := newSummarizer(t, 300)
		r := newRig(t)
		text := strings.Replace(reduction(s, 40, ""), "    method: llm/reduce\n", "    method: llm/reduce\n    cache: "+cache+"\n", 1)
		first := text[strings.Index(text, "  - id: report"):strings.Index(text, "  - {id: after")]
		again := strings.Replace(first, "id: report\n", "id: again\n    dependencies: [report]\n", 1)
		same(t, "status", r.run(t, text+again).Status, protocol.Completed)
		calls, err := strconv.Atoi(number(t, r.reduced(t, "report"), "calls"))
		if err != nil || calls < 3 {
			t.Fatalf("%d calls: %v", calls, err)
		}
		same(t, "calls of the equal task", number(t, r.reduced(t, "again"), "calls"), fmt.Sprint(calls))
		same(t, "calls of the server with cache: "+cache, len(s.asked()), want*calls)
	}
}

// teams is a workflow that makes one answer for each of three teams, whose texts alternate: b has many, a a few, and c has one.
func teams(s *summarizer, groupBy string) string {
	var list []string
	for i := range 40 {
		team := "b"
		switch {
		case i%5 == 1:
			team = "a"
		case i == 12:
			team = "c"
		}
		list = append(list, fmt.Sprintf(`{team: %s, text: "M%d %s"}`, team, i, strings.Repeat("word ", 24)))
	}
	return fmt.Sprintf(`
name: Teams
tasks:
  - {id: texts, for_each: [%s], method: test/echo, parameters: {value: "${item.text}"}}
  - id: report
    method: llm/reduce
    retry: {max_attempts: 1}
    parameters: {provider: openai, base_url: "%s", model: m, prompt: List the marks., input: "${texts.results}", group_by: "%s", max_tokens: 60}
  - {id: each, for_each: "${report.results}", method: test/echo, parameters: {value: "${item.group} ${item.response}"}}
outputs: {all: "${report.results[*].response}"}
`, strings.Join(list, ", "), s.URL, groupBy)
}

// marksOf returns the marks of the texts of a team, in their order.
func marksOf(team string) string {
	var all []string
	for i := range 40 {
		isA, isC := i%5 == 1, i == 12
		if team == "a" && isA || team == "c" && isC || team == "b" && !isA && !isC {
			all = append(all, fmt.Sprintf("M%d", i))
		}
	}
	return strings.Join(all, " ")
}

func TestEachGroupHasAnAnswer(t *testing.T) {
	s := newSummarizer(t, 300)
	r := newRig(t)
	result := r.run(t, teams(s, "${item.item.team}"))
	same(t, "status", result.Status, protocol.Completed)
	answer := r.reduced(t, "report")
	list, _ := answer.Get("results")
	if len(list.Elements()) != 3 {
		t.Fatalf("results %s", answer.JSON())
	}
	calls := 0
	for i, team := range []string{"b", "a", "c"} { // As they first appear.
		entry := list.Elements()[i]
		same(t, "group", get(entry, "group").Text(), team)
		same(t, "response of "+team, get(entry, "response").Text(), marksOf(team))
		same(t, "inputs of "+team, number(t, entry, "inputs"), fmt.Sprint(len(strings.Fields(marksOf(team)))))
		if of := number(t, entry, "calls"); team == "c" {
			same(t, "calls of a single text", of, "1")
			same(t, "rounds of a single text", number(t, entry, "rounds"), "1")
		}
		n, err := strconv.Atoi(number(t, entry, "calls"))
		if err != nil {
			t.Fatal(err)
		}
		calls += n
	}
	same(t, "calls of the server", len(s.asked()), calls)
	same(t, "calls", number(t, answer, "calls"), fmt.Sprint(calls))
	same(t, "inputs", number(t, answer, "inputs"), "40")
	same(t, "rounds of b", number(t, list.Elements()[0], "rounds"), number(t, answer, "rounds"))
	if number(t, answer, "rounds") == "1" {
		t.Error("there is one round")
	}
	teamOf := map[string]string{}
	for _, team := range []string{"a", "b", "c"} {
		for _, mark := range strings.Fields(marksOf(team)) {
			teamOf[mark] = team
		}
	}
	for _, prompt := range s.asked() {
		found := map[string]bool{}
		for _, mark := range marks.FindAllString(prompt, -1) {
			found[teamOf[mark]] = true
		}
		if len(found) != 1 {
			t.Errorf("a prompt has texts of %d teams: %.300q", len(found), prompt)
		}
	}
	var want []string
	for _, team := range []string{"b", "a", "c"} {
		want = append(want, fmt.Sprintf("%q", marksOf(team)))
	}
	same(t, "output", string(result.Outputs.Inline.JSON()), `{"all":[`+strings.Join(want, ",")+`]}`)
	each := r.reduced(t, "each")
	same(t, "the first item", get(get(each, "results").Elements()[0], "result", "value").Text(), "b "+marksOf("b"))
}

func byTeam(t *testing.T, r *rig) client.WorkflowRun {
	t.Helper()
	return r.start(t, compile(t, teams(newSummarizer(t, 300), "${item.item.team}")))
}

func TestKeysThatDoNotGroup(t *testing.T) {
	for groupBy, want := range map[string]string{
		"${item.item.color}": "group_by of element 0 of input: ",
		"${item.item}":       "group_by of element 0 of input must be text, a number or a boolean, not an object",
	} {
		s := newSummarizer(t, 300)
		r := newRig(t)
		same(t, "status", r.run(t, teams(s, groupBy)).Status, protocol.Failed)
		if message := r.ofTask(t, "report").Error.Message; !strings.HasPrefix(message, want) {
			t.Errorf("%s: %q", groupBy, message)
		}
		same(t, "calls", len(s.asked()), 0)
	}
}
