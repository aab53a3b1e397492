package view

import "testing"

func TestTable(t *testing.T) {
	got := Table([][]string{{"RUN", "NAME", "STATUS"}, {"a-1", "お茶", "ok"}, {"long-name", "é", ""}})
	want := "RUN        NAME  STATUS\n" +
		"a-1        お茶  ok\n" +
		"long-name  é     \n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
