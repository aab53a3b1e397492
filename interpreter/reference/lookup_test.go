package reference_test

import (
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// everything is a scope in which every kind of head means something.
func everything(t *testing.T) *reference.Scope {
	t.Helper()
	task := func(head, id, result string) protocol.Binding {
		return protocol.Binding{Head: head, Task: id, Status: protocol.Completed, Value: inline(t, result)}
	}
	data := `{"name": "n", "none": null, "0": "zero", "a.b": {"c d": 1}, "": "empty", "deep": [[1, 2], [3]],
		"list": [{"id": 1, "tag": "x"}, {"id": 2}, {"id": 3, "tag": null}], "empty": [], "gaps": [{"result": {"x": 1}}, {"result": null}], "big": 1152921504606846976}`
	return &reference.Scope{
		Bindings: []protocol.Binding{
			task("llm", "llm", `{"response": "hi", "model": "m"}`),
			task("py", "py", `{"result": {"count": 3, "status": "inner"}, "output": "", "success": true, "count2": null}`),
			task("both", "both", `{"result": {"x": "inner", "y": 1}, "x": "outer"}`),
			task("plain", "plain", `{"result": [10, 20], "output": ""}`),
			task("My Task", "mine", `{"response": "named"}`),
			task("my.name", "dotted", `{"x": 7}`),
			task("data", "data", data),
			task("listed", "listed", `[1, 2]`),
			task("each", "each", `{"total": 1, "results": [{"item": 1, "status": "success", "result": {"response": "hi"}}]}`),
			{Head: "inputs", Value: inline(t, `{"topic": "tea", "result": {"hidden": 1}, "status": "mine"}`)},
			{Head: "item", Value: inline(t, `{"name": "a.txt", "stem": "a"}`)},
			{Head: "index", Value: inline(t, `4`)},
			{Head: "void", Value: inline(t, `null`)},
			{Head: "run", Task: "run", Status: protocol.Completed, Value: inline(t, `{"id": "of a task named run"}`)},
			{Head: "bad", Task: "bad", Status: protocol.Failed, Error: protocol.Errorf(protocol.ProviderTimeout, "slow")},
			{Head: "gone", Task: "gone-id", Status: protocol.Skipped},
			{Head: "cut", Task: "cut", Status: protocol.Skipped, Reason: "its condition is false: ${x}"},
			task("why", "why", `{"reason": "its own"}`),
		},
		Run: protocol.RunInfo{
			ID: "flow-1", Execution: "e", Workflow: "Flow", Folder: "/here", FlowFolder: "/there",
			StartedAt: time.Date(2026, 2, 3, 6, 5, 6, 0, time.FixedZone("CET", 3600)),
		},
		Env: func(name string) (string, bool) { return "${llm.response}", name == "HOME" || name == "0" },
		Secret: func(name string) (string, bool) {
			return "s3cr3t", name == "key" || name == "a.b"
		},
	}
}

func one(t *testing.T, text string) *reference.Reference {
	t.Helper()
	parts, errs := reference.Parse(text)
	if len(errs) > 0 || len(parts) != 1 || parts[0].Ref == nil {
		t.Fatalf("%s: parts %+v, errs %+v", text, parts, errs)
	}
	return parts[0].Ref
}

func TestLookup(t *testing.T) {
	tests := []struct{ text, want string }{
		{"${llm}", `{"response":"hi","model":"m"}`},
		{"${llm.response}", `"hi"`},
		{"${cut.reason}", `"its condition is false: ${x}"`},
		{"${cut.error}", `null`},
		{"${gone.reason}", `null`},
		{"${bad.reason}", `null`},
		{"${bad.reason:-none}", `"none"`},
		{"${why.reason}", `"its own"`},
		{"${llm.reason:-none}", `"none"`},
		{"${llm.result.response}", `"hi"`},
		{"${llm.result}", `{"response":"hi","model":"m"}`},
		{`${llm["result"]["response"]}`, `"hi"`},
		{"${py.result.count}", `3`},
		{"${py.count}", `3`},
		{"${py.result}", `{"count":3,"status":"inner"}`},
		{"${py.count2}", `null`},
		{"${both.x}", `"outer"`},
		{"${both.result.x}", `"inner"`},
		{"${both.y}", `1`},
		{"${plain.result[1]}", `20`},
		{"${plain.result.0}", `10`},
		{"${My Task.response}", `"named"`},
		{`${["my.name"].x}`, `7`},
		{"${listed[0]}", `1`},
		{"${listed.1}", `2`},
		{"${listed.result[*]}", `[1,2]`},

		{"${llm.status}", `"completed"`},
		{"${llm.error}", `null`},
		{"${py.status}", `"completed"`},
		{"${py.result.status}", `"inner"`},
		{"${bad.status}", `"failed"`},
		{`${bad["error"]}`, `{"code":-30006,"name":"PROVIDER_TIMEOUT","message":"slow","retryable":true}`},
		{"${bad.error.message}", `"slow"`},
		{"${gone.status}", `"skipped"`},
		{"${gone.error}", `null`},
		{"${llm.error.message:-none}", `"none"`},

		{"${data.0}", `"zero"`},
		{`${data["a.b"]["c d"]}`, `1`},
		{`${data[""]}`, `"empty"`},
		{"${data.big}", `1152921504606846976`},
		{"${data.list[-1].id}", `3`},
		{"${data.list[-3].id}", `1`},
		{"${data.list[*].id}", `[1,2,3]`},
		{"${data.list[*].tag:-no}", `["x","no","no"]`},
		{"${data.deep[*][0]}", `[1,3]`},
		{"${data.deep[*][*]}", `[[1,2],[3]]`},
		{"${data.deep[*][1]:-}", `[2,""]`},
		{"${data.empty[*].x}", `[]`},
		{"${data.list[1:][*].id}", `[2,3]`},
		{"${data.list[-2:-1][*].id}", `[2]`},
		{"${data.list[:2][-1].id}", `2`},
		{"${data.list[1:3][:1][*].id}", `[2]`},
		{"${data.list[:][0].id}", `1`},
		{"${data.list[2:1]}", `[]`},
		{"${data.list[7:9]}", `[]`},
		{"${data.list[-9:9][*].id}", `[1,2,3]`},
		{"${data.deep[*][:1]}", `[[1],[3]]`},
		{"${data.list[1:9][*].tag:-no}", `["no","no"]`},
		{"${data.none[1:2]:-d}", `"d"`},
		{"${data.none}", `null`},

		{"${data.none:-d}", `"d"`},
		{"${data.none.x.y:-d}", `"d"`},
		{"${data.none[*].x:-d}", `"d"`},
		{"${data.missing.x:-5}", `"5"`},
		{"${data.list[7].id:-d}", `"d"`},
		{"${data.name:-d}", `"n"`},
		{"${gone:-d}", `"d"`},
		{"${bad.response.x:-}", `""`},
		{"${void.x:-d}", `"d"`},

		{"${inputs.topic}", `"tea"`},
		{"${inputs.status}", `"mine"`},
		{"${inputs.result.hidden}", `1`},
		{"${item.name}", `"a.txt"`},
		{"${index}", `4`},
		{"${void}", `null`},
		{"${run}", `{"id":"flow-1","workflow":"Flow","started_at":"2026-02-03T05:05:06Z","folder":"/here","flow_folder":"/there"}`},
		{"${run.id}", `"flow-1"`},
		{"${env.HOME}", `"${llm.response}"`},
		{"${env.0}", `"${llm.response}"`},
		{"${env.NONE:-d}", `"d"`},
		{"${secrets.key}", `"s3cr3t"`},
		{`${secrets["a.b"]}`, `"s3cr3t"`},
		{"${secrets.none:-}", `""`},
	}
	scope := everything(t)
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			got, err := reference.Lookup(one(t, test.text), scope)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, string(got.JSON()), test.want)
		})
	}
}

// Where gaps are allowed, an item without a result is null in a list, and nothing else is.
func TestLookupWithGaps(t *testing.T) {
	scope := everything(t)
	scope.Gaps = true
	for text, want := range map[string]string{
		"${data.gaps[*].result.x}":    `[1,null]`,
		"${data.gaps[*].result.x.y}":  "",
		"${data.gaps[*].result.z}":    "",
		"${data.gaps[*].result.x:-d}": `[1,"d"]`,
		"${data.gaps[1].result.x}":    "",
		"${data.none.x}":              "",
		"${data.none[*].x}":           "",
		"${data.list[*].tag}":         "",
	} {
		got, err := reference.Lookup(one(t, text), scope)
		if (err != nil) != (want == "") || err == nil && string(got.JSON()) != want {
			t.Errorf("%s: got %s, %v", text, got.JSON(), err)
		}
	}
}

func TestLookupErrors(t *testing.T) {
	tests := []struct{ text, want string }{
		{"${llm.respons}", `${llm.respons}: llm has no field "respons"; it has response, model (did you mean "response"?)`},
		{"${llm.Model}", `${llm.Model}: llm has no field "Model"; it has response, model (did you mean "model"?)`},
		{"${llm.x}", `${llm.x}: llm has no field "x"; it has response, model`},
		{"${llm.statuss}", `${llm.statuss}: llm has no field "statuss"; it has response, model (did you mean "status"?)`},
		{"${llm.result.modle}", `${llm.result.modle}: llm.result has no field "modle"; it has response, model (did you mean "model"?)`},
		{"${py.cuont}", `${py.cuont}: py has no field "cuont"; it has result, output, success, count2, and its result has count, status (did you mean "count"?)`},
		{"${py.result.size}", `${py.result.size}: py.result has no field "size"; it has count, status`},
		{"${inputs.hidden}", `${inputs.hidden}: inputs has no field "hidden"; it has topic, result, status`},
		{"${data.list[0].name}", `${data.list[0].name}: data.list[0] has no field "name"; it has id, tag`},
		{"${data.list[*].tag}", `${data.list[*].tag}: data.list[1] has no field "tag"; it has id`},
		{`${data["a.b"].x}`, `${data["a.b"].x}: data["a.b"] has no field "x"; it has c d`},
		{`${["my.name"].y}`, `${["my.name"].y}: ["my.name"] has no field "y"; it has x`},
		{"${data.list[3]}", `${data.list[3]}: data.list has 3 elements, so there is no [3]`},
		{"${data.list[-4]}", `${data.list[-4]}: data.list has 3 elements, so there is no [-4]`},
		{"${data.deep[*].1}", `${data.deep[*].1}: data.deep[1] has 1 element, so there is no [1]`},
		{"${data.empty[0]}", `${data.empty[0]}: data.empty has 0 elements, so there is no [0]`},
		{"${data.none.x}", `${data.none.x}: data.none is null, so it has no field "x"`},
		{"${data.none[0]}", `${data.none[0]}: data.none is null, so it has no element [0]`},
		{"${data.none[:2]}", `${data.none[:2]}: data.none is null, so it has no part [:2]`},
		{"${data.gaps[*].result.x}", `${data.gaps[*].result.x}: data.gaps[1].result is null, so it has no field "x" (write ${data.gaps[*].result.x:-none} for the text "none" where an element has none, or leave such elements out in a script)`},
		{"${data.name[1:2]}", `${data.name[1:2]}: data.name is a string, so it has no part [1:2]`},
		{"${data.list[1:].id}", `${data.list[1:].id}: data.list[1:] is a list, so it has no field "id" (an element of a list is [0], all of them are [*])`},
		{"${data.list[1:][2]}", `${data.list[1:][2]}: data.list[1:] has 2 elements, so there is no [2]`},
		{"${data.list[1:][*].tag.x}", `${data.list[1:][*].tag.x}: data.list[1:][0] has no field "tag"; it has id`},
		{"${data.none[*]}", `${data.none[*]}: data.none is null, so it has no elements for [*]`},
		{"${data.name.x:-d}", `${data.name.x:-d}: data.name is a string, so it has no field "x"`},
		{"${data.big[0]}", `${data.big[0]}: data.big is a number, so it has no element [0]`},
		{"${py.success.x}", `${py.success.x}: py.success is a boolean, so it has no field "x"`},
		{"${llm.status.x}", `${llm.status.x}: llm.status is a string, so it has no field "x"`},
		{"${llm.error.message}", `${llm.error.message}: llm.error is null, so it has no field "message"`},
		{"${data.list.id}", `${data.list.id}: data.list is a list, so it has no field "id" (an element of a list is [0], all of them are [*])`},
		{`${data.list["0"]}`, `${data.list["0"]}: data.list is a list, so it has no field "0" (an element of a list is [0], all of them are [*])`},
		{"${data[0]}", `${data[0]}: data is an object, so it has no element [0] (its field is ["0"])`},
		{"${each.results[*].response}", `${each.results[*].response}: each.results[0] has no field "response"; it has item, status, result (write ${each.results[*].result.response})`},
		{"${each.response}", `${each.response}: each has no field "response"; it has total, results (write ${each.results[*].result.response})`},
		{"${each.x}", `${each.x}: each has no field "x"; it has total, results`},
		{"${each[0].response}", `${each[0].response}: each is an object, so it has no element [0] (write ${each.results[0].result.response})`},
		{"${each[*].status}", `${each[*].status}: each is an object, so it has no elements for [*] (write ${each.results[*].status})`},
		{"${each[1:]}", `${each[1:]}: each is an object, so it has no part [1:] (write ${each.results[1:]})`},
		{"${plain[0]}", `${plain[0]}: plain is an object, so it has no element [0] (write ${plain.result[0]})`},
		{"${llm[0]}", `${llm[0]}: llm is an object, so it has no element [0]`},
		{"${py.count + 1}", `${py.count + 1}: py has no field "count + 1"; it has result, output, success, count2, and its result has count, status; references have no operators and no filters (compute it in a task with a script: {id: b, method: python/execute, parameters: {context: {x: "${py.count}"}, code: "result = context['x'] + 1"}})`},
		{"${py.result.count | upper}", `${py.result.count | upper}: py.result has no field "count | upper"; it has count, status; references have no operators and no filters (compute it in a task with a script: {id: b, method: python/execute, parameters: {context: {x: "${py.result.count}"}, code: "result = context['x'].upper()"}})`},
		{"${llm.response ?? 1}", `${llm.response ?? 1}: llm has no field "response ?? 1"; it has response, model; references have no operators and no filters (write ${llm.response:-1} for a default)`},
		{"${item.name:x.y}", `${item.name:x.y}: item has no field "name:x"; it has name, stem; references have no operators and no filters (write ${item.name:-none} for a default)`},
		{"${data[*]}", `${data[*]}: data is an object, so it has no elements for [*]`},
		{"${bad.response}", `${bad.response}: task "bad" has no result; its status is "failed" (${bad.status} and ${bad.error} are always available)`},
		{"${gone}", `${gone}: task "gone-id" has no result; its status is "skipped" (${gone.status} and ${gone.error} are always available)`},
		{"${lln.x}", `${lln.x}: unknown name "lln" (did you mean "llm"?)`},
		{"${PATH_TO:-x}", `${PATH_TO:-x}: unknown name "PATH_TO" (write $${ for a literal ${)`},
		{"${run.name}", `${run.name}: run has no field "name"; it has id, workflow, started_at, folder, flow_folder`},
		{"${env.NONE}", `${env.NONE}: there is no environment variable "NONE"`},
		{"${secrets.other}", `${secrets.other}: there is no secret "other"`},
	}
	scope := everything(t)
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			got, err := reference.Lookup(one(t, test.text), scope)
			if !got.IsNull() {
				t.Errorf("got %s", got.JSON())
			}
			parameterError(t, err, test.want)
		})
	}
}
