package mcpserver

import (
	"regexp"
	"strings"
	"testing"
)

func TestToolNames(t *testing.T) {
	valid := regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)
	taken := map[string]bool{"run_workflow": true}
	for _, test := range []struct{ workflow, file, want string }{
		{"Tea for two", "/a.yaml", "tea_for_two"},
		{"tea-for, two!", "/b.yaml", "tea_for_two_2"},
		{" TEA FOR TWO", "/c.yaml", "tea_for_two_3"},
		{"Run workflow", "/d.yaml", "run_workflow_2"},
		{"お茶の会", "/Green tea.yaml", "ocha_nohui"},
		{"Größe Übung", "/g.yaml", "grosse_ubung"},
		{"Grosse Ubung", "/h.yaml", "grosse_ubung_2"},
		{"Отчёт_за  март", "/i.yaml", "otchiot_za_mart"},
		{"?!… — ***", "/Green tea.yaml", "green_tea"},
		{"🚀", "/Große Reise.yaml", "grosse_reise"},
		{"🚀", "/…!.yaml", "workflow"},
		{"_", "/__.yaml", "workflow_2"},
		{"$(rm -rf /)\n../x", "/e.yaml", "rm_rf_x"},
		{strings.Repeat("long ", 40), "/f.yaml", "long_long_long_long_long_long_long_long"},
		{strings.Repeat("字 ", 2000), "/j.yaml", strings.Repeat("zi_", 13) + "z"},
	} {
		got := toolName(test.workflow, test.file, func(name string) bool { return taken[name] })
		if got != test.want || !valid.MatchString(got) {
			t.Errorf("the tool of %.60q in %s is %s, want %s", test.workflow, test.file, got, test.want)
		}
		taken[got] = true
	}
}
