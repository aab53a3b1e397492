package workflows_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/servertest"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// wholeOf returns the last record of a task itself, not of its items.
func (r *rig) wholeOf(t testing.TB, task string) resultstore.Record {
	t.Helper()
	none := protocol.NoItem
	records, err := r.store.Records(t.Context(), resultstore.Query{Run: "run-" + r.Queue, Task: task, Item: &none})
	if err != nil || len(records) == 0 {
		t.Fatal(records, err)
	}
	return records[len(records)-1]
}

// itemsOf returns the result of a task with items.
func (r *rig) itemsOf(t testing.TB, task string) value.Value {
	t.Helper()
	whole := r.wholeOf(t, task)
	if whole.Value == nil {
		t.Fatalf("no result: %+v", whole)
	}
	v, err := resultstore.Load(t.Context(), r.store, protocol.Payload{Ref: whole.Value})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestForEachOf500ItemsWithThreeThatFail(t *testing.T) {
	r := newRig(t)
	items := make([]string, 500)
	for i := range items {
		times := 0
		if i == 0 || i == 250 || i == 499 {
			times = 99
		}
		items[i] = fmt.Sprintf("{n: %d, times: %d, name: \"item <%d>\"}", i, times, i)
	}
	run := r.start(t, compile(t, `
name: Many
tasks:
  - id: each
    method: test/fail
    for_each: [`+strings.Join(items, ", ")+`]
    max_concurrent: 8
    parameters: {key: "k${item.n}", times: "${item.times}", kind: task, place: "${index}"}
  - {id: after, method: test/echo, parameters: {value: "${each.results[*].index}"}}
outputs: {counts: "${each.failed} of ${each.total}", last: "${each.results[499].error.message}"}
`))
	first := run.GetRunID()
	result, _ := end(t, run)
	same(t, "status", result.Status, protocol.Completed)
	same(t, "counts", *result.Items, protocol.Counts{Total: 500, Succeeded: 497, Failed: 3})
	same(t, "outputs", string(result.Outputs.Inline.JSON()), `{"counts":"3 of 500","last":"failure 1"}`)
	if r.probe.most > 8 {
		t.Errorf("%d items were in flight", r.probe.most)
	}
	got := r.itemsOf(t, "each")
	same(t, "shape", shape(got), "total 500, succeeded 497, failed 3, skipped 0")
	for i, entry := range entries(got) {
		same(t, "index", get(entry, "index").Digits(), fmt.Sprint(i))
		same(t, "item", get(entry, "item", "name").Text(), fmt.Sprintf("item <%d>", i))
		wanted := "completed"
		if i == 0 || i == 250 || i == 499 {
			wanted = "failed"
		}
		same(t, fmt.Sprintf("item %d", i), get(entry, "status").Text(), wanted)
		same(t, fmt.Sprintf("calls of item %d", i), r.probe.called(fmt.Sprintf("k%d", i)), 1)
	}
	all := itemHistories(t, r, run, first, "each")
	if len(all) != 1 || len(all[0]) > 4000 {
		t.Errorf("%d histories; the first has %d events", len(all), len(all[0]))
	}
	summaries := map[string]string{}
	for _, event := range all[0] {
		if scheduled := event.GetActivityTaskScheduledEventAttributes(); scheduled != nil {
			summaries[scheduled.GetActivityId()] = string(event.GetUserMetadata().GetSummary().GetData())
		}
	}
	same(t, "summary", summaries["each[0]"], `"each [0] {\"n\":0,\"times\":99,\"name\":\"item \u003c0\u003e\"}"`)
}

// TestItemsKeepTheirTypes: `${item}` has the type of the item, and references reach its parts.
func TestItemsKeepTheirTypes(t *testing.T) {
	r := newRig(t)
	result := r.run(t, `
name: Types
inputs: {n: 1152921504606846976, words: {type: list, default: [a, b]}}
tasks:
  - id: each
    method: test/echo
    for_each: [text, "02139", 1e-7, "${inputs.n}", null, true, "${inputs.words}", {deep: [{x: "${inputs.words[1]}"}]}, "", "$${inputs.n}"]
    parameters: {value: ["${item}", "${index}", "is ${item}"]}
  - {id: parts, method: test/echo, for_each: [{deep: [{x: 1}], name: n}, {deep: [{x: [2]}], name: m}], parameters: {value: "${item.deep[0].x} ${item.name} ${item.none:-no}"}}
outputs: {each: "${each.results[*].result.value}", parts: "${parts.results[*].result.value}", items: "${each.results[*].item}"}
`)
	same(t, "status", result.Status, protocol.Completed)
	same(t, "outputs", string(result.Outputs.Inline.JSON()), `{"each":[["text",0,"is text"],["02139",1,"is 02139"],[1e-7,2,"is 1e-7"],[1152921504606846976,3,"is 1152921504606846976"],`+
		`[null,4,"is null"],[true,5,"is true"],[["a","b"],6,"is [\"a\",\"b\"]"],[{"deep":[{"x":"b"}]},7,"is {\"deep\":[{\"x\":\"b\"}]}"],["",8,"is "],["${inputs.n}",9,"is ${inputs.n}"]],`+
		`"parts":["1 n no","[2] m no"],`+
		`"items":["text","02139",1e-7,1152921504606846976,null,true,["a","b"],{"deep":[{"x":"b"}]},"","${inputs.n}"]}`)
}

// TestForEachOverResultsOfOthers: a list that a task returns, one of an earlier task with items, and an input.
func TestForEachOverResultsOfOthers(t *testing.T) {
	r := newRig(t)
	result := r.run(t, `
name: Chain
inputs: {topics: {type: list, default: [tea, rice]}}
tasks:
  - {id: first, method: test/echo, for_each: "${inputs.topics}", parameters: {value: {topic: "${item}", place: "${index}"}}}
  - {id: second, method: test/echo, for_each: "${first.results[*].result.value}", parameters: {value: "${item.topic}${item.place}"}}
  - {id: third, method: test/echo, for_each: "${second.results}", parameters: {value: "${item.result.value}!"}}
outputs: {third: "${third.results[*].result.value}"}
`)
	same(t, "outputs", string(result.Outputs.Inline.JSON()), `{"third":["tea0!","rice1!"]}`)
}

func TestForEachOverNothing(t *testing.T) {
	r := newRig(t)
	result := r.run(t, `
name: Nothing
inputs: {none: {type: list, default: []}}
tasks:
  - {id: each, method: test/echo, for_each: "${inputs.none}", max_failures: 0, parameters: {value: "${item}"}}
  - {id: written, method: test/echo, for_each: []}
  - {id: missing, method: test/echo, for_each: "${written.nothing:-[]}"}
  - {id: skipped, method: test/echo, when: "false", parameters: {value: [1]}}
  - {id: unmade, method: test/echo, run_if: done, for_each: "${skipped.value:-}", parameters: {value: "${missing.total}"}}
  - {id: after, method: test/echo, parameters: {value: "${each.results} ${written.total}"}}
outputs: {after: "${after.value}"}
`)
	same(t, "status", result.Status, protocol.Completed)
	same(t, "outputs", string(result.Outputs.Inline.JSON()), `{"after":"[] 0"}`)
	for _, task := range []string{"each", "missing", "unmade"} {
		same(t, "shape", shape(r.itemsOf(t, task)), "total 0, succeeded 0, failed 0, skipped 0")
	}
}

func TestForEachOverInvalidItems(t *testing.T) {
	for name, c := range map[string]struct{ code, reference, message, hint string }{
		"an object":        {"{'items': [1], 'n': 2}", "${make.result}", "for_each: ${make.result} must be a list, not an object", `its field "items" is a list`},
		"a string":         {"'a, b'", "${make.result}", `for_each: ${make.result} must be a list, not a string: "a, b"`, ""},
		"an empty string":  {"''", "${make.result}", "for_each: ${make.result} must be a list, not a string: \"\"", ""},
		"JSON as text":     {"'[1, 2]'", "${make.result}", `for_each: ${make.result} must be a list, not a string: "[1, 2]"`, "the text contains a list: parse it with json.loads in a script, or give the model a schema and read its field parsed"},
		"a number":         {"7", "${make.result}", "for_each: ${make.result} must be a list, not a number: 7", ""},
		"brackets as text": {"'[]'", "${make.result:-[]}", "for_each: ${make.result:-[]} must be a list, not a string: \"[]\"", "the text contains a list: parse it with json.loads in a script, or give the model a schema and read its field parsed"},
		"null":             {"None", "${make.result}", "for_each: ${make.result} must be a list, not null", ""},
		"nothing":          {"{'itms': []}", "${make.items}", `${make.items}: make has no field "items"; it has result, output, stderr, success, execution_time, and its result has itms`, `did you mean "itms"?`},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			result := r.run(t, fmt.Sprintf(`
name: No list
tasks:
  - {id: make, method: python/execute, parameters: {code: "result = %s"}}
  - {id: each, method: test/echo, for_each: "%s", parameters: {value: "${item}"}}
  - {id: after, method: test/echo, dependencies: [each]}
`, c.code, c.reference))
			same(t, "status", result.Status, protocol.Failed)
			tasks := r.tasks(t)
			same(t, "code", tasks["each"].Error.Code, protocol.TaskParameterError)
			same(t, "message", tasks["each"].Error.Message, c.message)
			same(t, "hint", tasks["each"].Error.Hint, c.hint)
			same(t, "after", tasks["after"].Status, protocol.Skipped)
		})
	}
}

// The results of many items are in pages, and references read them as if they were one list.
func TestResultsInPages(t *testing.T) {
	const count = 1201
	r := newRig(t)
	result := r.run(t, fmt.Sprintf(`
name: Pages
tasks:
  - {id: make, method: python/execute, parameters: {code: "result = list(range(%d))"}}
  - {id: each, method: test/echo, for_each: "${make.result}", when: "${item} != 7", parameters: {value: "v${item}"}}
  - {id: again, method: test/echo, for_each: "${each.results[*].index}", parameters: {value: "${item}"}}
  - {id: sum, method: python/execute, parameters: {code: "result = sum(${again.results[*].result.value})"}}
outputs:
  total: "${each.total}"
  first: "${each.results[0].result.value}"
  middle: "${each.results[600].result.value}"
  last: "${each.results[-1].result.value}"
  skipped: "${each.results[7].reason}"
  beyond: "${each.results[1201].index:-none}"
  whole: "${each.result.results[1200].index}"
  sum: "${sum.result}"
`, count))
	same(t, "status", result.Status, protocol.Completed)
	same(t, "outputs", string(result.Outputs.Inline.JSON()), `{"total":1201,"first":"v0","middle":"v600","last":"v1200","skipped":"its condition is false: ${item} != 7",`+
		`"beyond":"none","whole":1200,"sum":720600}`)
	whole := r.wholeOf(t, "each")
	if whole.Value == nil || !whole.Value.Paged || len(whole.Pages) != 3 {
		t.Errorf("%+v", whole)
	}
	same(t, "shape", shape(r.itemsOf(t, "each")), "total 1201, succeeded 1200, failed 0, skipped 1")
}

// TestLargeItemsStayOutOfTheHistory: neither calls nor the start of the next history contain them.
func TestLargeItemsStayOutOfTheHistory(t *testing.T) {
	r := newRig(t, servertest.WithOverrides("limit.historyCount.suggestContinueAsNew:\n  - value: 400\n"))
	const count, size = 200, 20_000
	run := r.start(t, compile(t, fmt.Sprintf(`
name: Large items
inputs: {style: %s}
tasks:
  - id: make
    method: python/execute
    parameters: {code: "result = [{'n': n, 'text': str(n %% 10) * %d} for n in range(%d)]"}
  - id: word
    method: test/text
    parameters: {size: 15000}
  - id: each
    method: test/echo
    for_each: ${make.result}
    parameters: {key: "k${item.n}", value: "${item.text}", style: "${inputs.style}", word: "${word.value}"}
  - {id: texts, method: test/echo, for_each: "${make.result[*].text}", parameters: {value: "${item}"}}
`, strings.Repeat("s", 12_000), size, count)))
	first := run.GetRunID()
	result, _ := end(t, run)
	same(t, "status", result.Status, protocol.Completed)
	same(t, "counts", *result.Items, protocol.Counts{Total: 2 * count, Succeeded: 2 * count})
	for i, entry := range entries(r.itemsOf(t, "each")) {
		text := get(entry, "result", "value").Text()
		if len(text) != size || text[0] != byte('0'+i%10) || get(entry, "item", "text").Text() != text {
			t.Fatalf("item %d returned %.10s… of %d bytes", i, text, len(text))
		}
	}
	all := append(itemHistories(t, r, run, first, "each"), histories(t, r.Client, run.GetID(), first)...)
	total := 0
	for n, history := range all {
		bytes := 0
		for _, event := range history {
			bytes += proto.Size(event)
			for _, input := range event.GetActivityTaskScheduledEventAttributes().GetInput().GetPayloads() {
				if len(input.GetData()) > 4<<10 {
					t.Fatalf("a call has %d bytes: %.3000s", len(input.GetData()), input.GetData())
				}
			}
		}
		for _, input := range history[0].GetWorkflowExecutionStartedEventAttributes().GetInput().GetPayloads() {
			if len(input.GetData()) > 64<<10 {
				t.Errorf("history %d begins with %d bytes", n, len(input.GetData()))
			}
		}
		total += bytes
	}
	t.Logf("%d histories of %d bytes in all", len(all), total)
	if total > 2<<20 {
		t.Errorf("%d histories of %d bytes in all", len(all), total)
	}
}

func TestMaxFailuresStopsAForEach(t *testing.T) {
	for limit, wanted := range map[string]string{"2": "2", "10%": "10%"} {
		t.Run(limit, func(t *testing.T) {
			r := newRig(t)
			items := make([]string, 20)
			for i := range items {
				items[i] = fmt.Sprint(99 * (1 - i%2)) // Every second one fails, the first to begin with.
			}
			result := r.run(t, fmt.Sprintf("name: Strict\ntasks:\n  - {id: each, method: test/fail, for_each: [%s], max_concurrent: 1, max_failures: %s, parameters: {key: \"k${index}\", times: \"${item}\", kind: task}}\n", strings.Join(items, ", "), limit))
			same(t, "status", result.Status, protocol.Failed)
			same(t, "shape", shape(r.itemsOf(t, "each")), "total 20, succeeded 2, failed 3, skipped 15")
			for _, entry := range entries(r.itemsOf(t, "each"))[5:] {
				same(t, "reason", get(entry, "reason").Text(), "it had not started when more than "+wanted+" had failed")
			}
			same(t, "most", r.probe.most, 1)
			same(t, "calls of the sixth", r.probe.called("k5"), 0)
			same(t, "message", r.wholeOf(t, "each").Error.Message, "3 of 20 items failed, and max_failures is "+wanted+"; the first is item 0 (99): failure 1; 15 were skipped because of that")
		})
	}
}

func TestAllItemsFailing(t *testing.T) {
	r := newRig(t)
	result := r.run(t, "name: All\ntasks:\n  - {id: each, method: test/fail, for_each: [tea, rice], parameters: {key: \"${item}\", times: 99, kind: task}}\n")
	same(t, "status", result.Status, protocol.Failed)
	same(t, "message", r.wholeOf(t, "each").Error.Message, "all of 2 items failed; the first is item 0 (tea): failure 1")
}

func TestAForEachContinuesInANewHistory(t *testing.T) {
	r := newRig(t, servertest.WithOverrides(smallHistories))
	run := r.start(t, compile(t, `
name: Continued
max_parallel: 4
tasks:
  - {id: make, method: python/execute, parameters: {code: "result = [{'n': n, 'times': 99 if n in (3, 50) else 0, 'pad': 'x' * (n % 2 * 300)} for n in range(60)]"}}
  - {id: each, method: test/fail, for_each: "${make.result}", max_failures: 5, parameters: {key: "k${item.n}", times: "${item.times}", kind: task}}
  - {id: after, method: test/echo, parameters: {value: "${each.results[*].item.n}"}}
`))
	first := run.GetRunID()
	result, _ := end(t, run)
	same(t, "status", result.Status, protocol.Completed)
	same(t, "counts", *result.Items, protocol.Counts{Total: 60, Succeeded: 58, Failed: 2})
	for i := range 60 {
		same(t, fmt.Sprintf("calls of item %d", i), r.probe.called(fmt.Sprintf("k%d", i)), 1)
		same(t, "item", r.value(t, "after").Elements()[i].Digits(), fmt.Sprint(i))
	}
	if got := len(itemHistories(t, r, run, first, "each")); got < 2 {
		t.Errorf("%d histories", got)
	}
}

func TestMaxConcurrentOfAForEach(t *testing.T) {
	r := newRig(t)
	run := r.start(t, compile(t, `
name: Some at once
tasks:
  - {id: each, method: test/wait, for_each: [a, b, c, d, e, f, g], max_concurrent: 3, parameters: {key: "${item}"}}
`))
	r.awaitWaiting(t, 3)
	for range 4 { // Each that ends lets one more in.
		r.probe.release <- struct{}{}
		r.awaitWaiting(t, 1)
	}
	close(r.probe.release)
	result, _ := end(t, run)
	same(t, "counts", *result.Items, protocol.Counts{Total: 7, Succeeded: 7})
	same(t, "most in flight", r.probe.most, 3)
}

// TestWhatWaitsForATaskWithItems: run_if and continue_on_error are about the task as a whole.
func TestWhatWaitsForATaskWithItems(t *testing.T) {
	r := newRig(t)
	result := r.run(t, `
name: Around items
tasks:
  - {id: bad, method: test/fail, for_each: [99, 99], parameters: {key: "b${index}", times: "${item}", kind: task}}
  - {id: forgiven, method: test/fail, for_each: [0, 99], max_failures: 0, continue_on_error: true, parameters: {key: "f${index}", times: "${item}", kind: task}}
  - {id: skipped, method: test/echo, for_each: [1, 2], dependencies: [bad], parameters: {value: "${item}"}}
  - {id: always, method: test/echo, for_each: "${forgiven.results[*].status}", run_if: always, dependencies: [bad], parameters: {value: "${item} ${bad.status}"}}
  - {id: goes, method: test/echo, parameters: {value: "${forgiven.error.message}"}}
outputs: {always: "${always.results[*].result.value}", goes: "${goes.value}"}
`)
	same(t, "status", result.Status, protocol.Failed)
	same(t, "skipped", r.tasks(t)["skipped"].Reason, `it needs "bad", which failed`)
	same(t, "value", get(entries(r.itemsOf(t, "always"))[1], "result", "value").Text(), "failed failed")
	same(t, "goes", r.value(t, "goes").Text(), "1 of 2 items failed, and max_failures is 0; the first is item 1 (99): failure 1")
}

// TestTheConditionIsEvaluatedForEachItem: where it is false the item is skipped, with the reason, and makes no event.
func TestTheConditionIsEvaluatedForEachItem(t *testing.T) {
	r := newRig(t)
	run := r.start(t, compile(t, `
name: Some items
inputs: {least: 2}
tasks:
  - {id: make, method: python/execute, parameters: {code: "result = [{'n': n, 'pad': 'x' * 1000 * (n % 2)} for n in range(5)] + [None, {}]"}}
  - id: each
    method: test/echo
    for_each: ${make.result}
    when: "${index} < 5 ? ${item.n} >= ${inputs.least} and ${item.n} != 3 : ${item.n} == 1"
    parameters: {key: "k${index}", value: "${item.n}"}
  - {id: none, method: test/echo, for_each: [1, 2], when: "${item} > 2", parameters: {key: none, value: "${item}"}}
  - {id: after, method: test/echo, dependencies: [none], parameters: {value: "${none.skipped} of ${none.total}: ${none.results[0].reason}"}}
outputs: {each: "${each.results[*].status}", values: "${each.results[*].result.value:-}", reason: "${each.results[0].reason}", why: "${each.results[6].error.message}", after: "${after.value}"}
`))
	first := run.GetRunID()
	result, _ := end(t, run)
	same(t, "status", result.Status, protocol.Completed)
	same(t, "counts", *result.Items, protocol.Counts{Total: 9, Succeeded: 2, Failed: 2, Skipped: 5})
	same(t, "outputs", string(result.Outputs.Inline.JSON()), `{"each":["skipped","skipped","completed","skipped","completed","failed","failed"],`+
		`"values":["","",2,"",4,"",""],`+
		`"reason":"its condition is false: ${index} < 5 ? ${item.n} >= ${inputs.least} and ${item.n} != 3 : ${item.n} == 1",`+
		`"why":"${item.n}: item has no field \"n\"; it has no fields","after":"2 of 2: its condition is false: ${item} > 2"}`)
	for i, wanted := range []int{0, 0, 1, 0, 1, 0, 0} {
		same(t, fmt.Sprintf("calls of item %d", i), r.probe.called(fmt.Sprintf("k%d", i)), wanted)
	}
	same(t, "calls of none", r.probe.called("none"), 0)
	same(t, "none", r.wholeOf(t, "none").Status, protocol.Completed)
	markers := 0
	for _, event := range events(t, r, run, first) {
		if event.GetMarkerRecordedEventAttributes() != nil {
			markers++
		}
	}
	same(t, "markers", markers, 6) // Open, expand and gather twice, close: a condition adds none.
	item := 3
	records, err := r.store.Records(t.Context(), resultstore.Query{Run: "run-" + r.Queue, Task: "each", Item: &item})
	if err != nil || len(records) != 1 || records[0].Status != protocol.Skipped || !strings.HasPrefix(records[0].Reason, "its condition is false") {
		t.Errorf("%+v, %v", records, err)
	}
}

// TestATaskFailsWhenAllItemsFailThatItsConditionLeaves: skipped items do not count.
func TestATaskFailsWhenAllItemsFailThatItsConditionLeaves(t *testing.T) {
	r := newRig(t)
	result := r.run(t, "name: All\ntasks:\n  - {id: each, method: test/fail, for_each: [1, 99, 99], when: '${item} > 1', parameters: {key: \"k${index}\", times: \"${item}\", kind: task}}\n")
	same(t, "status", result.Status, protocol.Failed)
	same(t, "message", r.wholeOf(t, "each").Error.Message, "all of 2 items failed; the first is item 1 (99): failure 1")
	same(t, "shape", shape(r.itemsOf(t, "each")), "total 3, succeeded 0, failed 2, skipped 1")
}

// TestTheConditionIsEvaluatedForEachFile: the same with files.
func TestTheConditionIsEvaluatedForEachFile(t *testing.T) {
	r := newRig(t)
	folder := folderOf(t, 4, numbered)
	p := compileBatch(t, fmt.Sprintf(`
name: Some files
tasks:
  - id: each
    method: test/file
    when: ${item.stem} in ["f001", "f003"]
    parameters: {directory: %q, file_pattern: "*.txt"}
outputs: {each: "${each.results[*].status}"}
`, folder), folder)
	result, _ := end(t, r.start(t, p))
	same(t, "outputs", string(result.Outputs.Inline.JSON()), `{"each":["skipped","completed","skipped","completed"]}`)
}
