package stories_test

import (
	"fmt"
	"strings"
	"testing"
)

// names are names of workflows in many scripts; Temporal's client takes none of them as an id.
var names = map[string]string{
	"German":      "Größe prüfen",
	"French":      "Résumé d'été",
	"Polish":      "Zażółć gęślą jaźń",
	"Russian":     "Отчёт за март",
	"Japanese":    "要約",
	"emoji":       "🚀 lift-off 🚀",
	"punctuation": "?!… — ***",
	"long":        strings.Repeat("Ä long name ", 420),
}

// TestNamesInAnyScript: a workflow runs whatever its name, by every command.
func TestNamesInAnyScript(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("Belege März/é.txt", "a receipt")
	u.serves("--no-ui")
	u.works()
	for script, name := range names {
		u.File(script+".yaml", fmt.Sprintf("name: %q\ntasks: [{id: a, method: mcp/tool.echo, parameters: {message: hello}}]\n", name))
	}
	client := u.mcp("--workflows", ".")
	for script := range names {
		file := script + ".yaml"
		for _, command := range [][]string{{"run", file}, {"run", file, "--new"}, {"submit", file, "--wait"}} {
			if stdout, said := u.Gleitzeit(0, command...); stdout != "a: hello\n" {
				t.Errorf("%s: %s prints %q\n%s", script, strings.Join(command, " "), stdout, said)
			}
		}
		id, _ := u.Gleitzeit(0, "submit", file)
		run := strings.TrimSpace(id)
		if len(run) > 60 || strings.ContainsFunc(run, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("%s: the id of its run is %q", script, run)
		}
		for _, command := range [][]string{{"watch", run}, {"results", run}} {
			if stdout, said := u.Gleitzeit(0, command...); stdout != "a: hello\n" {
				t.Errorf("%s: %s prints %q\n%s", script, command[0], stdout, said)
			}
		}
		if status, _ := u.Gleitzeit(0, "status", run); !strings.Contains(status, "completed") {
			t.Errorf("%s: status shows\n%s", script, status)
		}
		for _, command := range [][]string{{"validate", file}, {"compile", file}, {"graph", file}, {"graph", run}} {
			if stdout, _ := u.Gleitzeit(0, command...); stdout == "" {
				t.Errorf("%s: %s prints nothing", script, command[0])
			}
		}
		if listed, _ := u.Gleitzeit(0, "list", "--limit", "1"); !strings.Contains(listed, run) {
			t.Errorf("%s: list shows\n%s", script, listed)
		}
		if _, said := u.Gleitzeit(2, "cancel", run); !strings.Contains(said, "run "+run+" has already ended: it is completed") {
			t.Errorf("%s: cancel says %s", script, said)
		}
		if said := client.call("run_workflow", map[string]any{"file": file}).text(); !strings.Contains(said, "completed") {
			t.Errorf("%s: mcp serve says %s", script, said)
		}
		submitted := client.call("submit_workflow", map[string]any{"file": file}).run(t).Run
		if said := client.call("follow_run", map[string]any{"run": submitted}).text(); !strings.Contains(said, "completed") {
			t.Errorf("%s: follow_run says %s", script, said)
		}
	}
	// What Temporal cannot take is refused with its place, before anything starts.
	u.File("id.yaml", "name: Report\nid: rapport-été\ntasks: [{id: a, method: mcp/tool.echo, queue: schlüssel, parameters: {message: x}}]\n")
	_, said := u.Gleitzeit(2, "run", "id.yaml")
	wantLines(t, "run", said, `id.yaml:2:5: `, `"é"`, `write rapport-ete`, `id.yaml:3:`, `queue "schlüssel" contains "ü"`, `"schlussel"`)
	for _, command := range [][]string{
		{"status", "été"}, {"graph", "été"}, {"watch", "été"}, {"results", "été"}, {"cancel", "été"},
		{"submit", "German.yaml", "--queue", "été"}, {"worker", "--queue", "été"}, {"server", "--queue", "été"},
	} {
		if _, said := u.Gleitzeit(2, command...); !strings.Contains(said, `"été" contains "é"`) || strings.Contains(said, "answer") {
			t.Errorf("%s says %s", strings.Join(command, " "), said)
		}
	}
	u.File("option.yaml", "name: Option\nid: -x\ntasks: [{id: a, method: mcp/tool.echo, parameters: {message: hi}}]\n")
	if _, said := u.Gleitzeit(2, "run", "option.yaml"); !strings.HasPrefix(said, "option.yaml:2:5: id \"-x\" begins with -, as options of commands do; ") {
		t.Errorf("an id that begins with - is reported as %s", said)
	}
	if _, said := u.Gleitzeit(2, "submit", "German.yaml", "--wait", "90s"); !strings.HasPrefix(said, "gleitzeit: unexpected argument \"90s\"; for a value of --wait write --wait=90s; ") {
		t.Errorf("--wait 90s is reported as %s", said)
	}
}

// TestMCPToolNamesInAnyScript: a workflow's tool is named as its runs are, with underscores.
func TestMCPToolNamesInAnyScript(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	for script, name := range names {
		u.File("flows/"+script+".yaml", fmt.Sprintf("name: %q\ntasks: [{id: a, method: mcp/tool.echo, parameters: {message: hello}}]\n", name))
	}
	u.File("flows/tea.yaml", "name: お茶の会\ntasks: [{id: a, method: mcp/tool.echo, parameters: {message: hello}}]\n")
	u.File("flows/z.yaml", "name: Ocha_no会\ntasks: [{id: a, method: mcp/tool.echo, parameters: {message: hello}}]\n")
	client := u.mcp("--workflows", "flows")
	tools := client.tools()
	for name, title := range map[string]string{
		"grosse_prufen": names["German"], "resume_dete": names["French"], "zazolc_gesla_jazn": names["Polish"], "otchiot_za_mart": names["Russian"],
		"yao_yue": names["Japanese"], "lift_off": names["emoji"], "punctuation": names["punctuation"],
		"a_long_name_a_long_name_a_long_name_a_lo": strings.TrimSpace(names["long"]), "ocha_nohui": "お茶の会", "ocha_nohui_2": "Ocha_no会",
	} {
		if got := strings.TrimSpace(tools[name].Title); got != title {
			t.Errorf("the tool %s is titled %.40q, want %.40q", name, got, title)
		}
	}
	if said := client.call("ocha_nohui", nil).Content[0].Text; !strings.Contains(said, "hello") {
		t.Errorf("the tool returns %s", said)
	}
	if len(tools) != 9+len(names)+2 {
		t.Errorf("%d tools are offered: %v", len(tools), tools)
	}
}

// TestBatchOfAFolderInAnyScript: a batch is named for its folder.
func TestBatchOfAFolderInAnyScript(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("Belege März/é.txt", "a receipt")
	_, said := u.Gleitzeit(0, "batch", "Belege März", "--method", "mcp/tool.echo", "--set", "message=${item.name}")
	wantLines(t, "batch", said, "run batch-belege-marz-")
}
