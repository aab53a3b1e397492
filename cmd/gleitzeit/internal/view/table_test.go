package view

import "testing"

// TestFit: only the column named is cut, by what a terminal shows, and never to nothing.
func TestFit(t *testing.T) {
	rows := func() [][]string {
		return [][]string{{"RUN", "NAME", "STATUS"}, {"a-1", "お茶を飲む時間です", "ok"}, {"a-2", "Größe prüfen, zweimal", "failed"}, {"a-3", "short", ""}}
	}
	for width, want := range map[int]string{
		0:  "RUN  NAME                   STATUS\n" + "a-1  お茶を飲む時間です     ok\n" + "a-2  Größe prüfen, zweimal  failed\n" + "a-3  short                  \n",
		28: "RUN  NAME             STATUS\n" + "a-1  お茶を飲む時間…  ok\n" + "a-2  Größe prüfen, …  failed\n" + "a-3  short            \n",
		5:  "RUN  NAME      STATUS\n" + "a-1  お茶を…   ok\n" + "a-2  Größe p…  failed\n" + "a-3  short     \n",
	} {
		cut := rows()
		Fit(cut, 1, width)
		if got := Table(cut); got != want {
			t.Errorf("width %d: got\n%swant\n%s", width, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	got := Table([][]string{{"RUN", "NAME", "STATUS"}, {"a-1", "お茶", "ok"}, {"long-name", "é", ""}})
	want := "RUN        NAME  STATUS\n" +
		"a-1        お茶  ok\n" +
		"long-name  é     \n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
