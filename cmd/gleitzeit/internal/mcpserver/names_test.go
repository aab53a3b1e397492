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
		{"お茶", "/Green tea.yaml", "green_tea"},
		{"お茶", "/お茶.yaml", "workflow"},
		{"$(rm -rf /)\n../x", "/e.yaml", "rm_rf_x"},
		{strings.Repeat("long ", 40), "/f.yaml", "long_long_long_long_long_long_long_long"},
	} {
		got := toolName(test.workflow, test.file, func(name string) bool { return taken[name] })
		if got != test.want || !valid.MatchString(got) {
			t.Errorf("the tool of %q in %s is %s, want %s", test.workflow, test.file, got, test.want)
		}
		taken[got] = true
	}
}
