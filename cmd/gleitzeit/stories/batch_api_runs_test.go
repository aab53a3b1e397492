package stories_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
)

// slowRequests are requests that take so long that a batch of them is still in progress when it is looked at.
func slowRequests(count int) string {
	var requests strings.Builder
	for i := range count {
		requests.WriteString(chatLine(fmt.Sprintf("request-%d", i), slow))
	}
	return requests.String()
}

// begins waits until a batch has answers, and more to come.
func (s *apiServer) begins(id string) {
	s.T.Helper()
	eventually(s.T, "requests of the batch are answered", func() bool { return s.batch(id).Counts.Completed > 0 })
	if now := s.batch(id); now.Status != "in_progress" {
		s.T.Fatalf("the batch is %+v: it shows nothing", now)
	}
}

// TestBatchesAreRuns: commands about runs show, follow and cancel batches, and a batch whose file is deleted completes.
func TestBatchesAreRuns(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.StartPrivate(t).URL)
	s := u.serveAPI()
	input := s.upload(slowRequests(100))
	id := s.create(input, `,"completion_window":"24h"`).ID
	s.begins(id)
	if status, text, err := s.ask(http.MethodDelete, "/files/"+input, "", nil, nil); err != nil || status != http.StatusOK {
		t.Fatalf("%v %d %s", err, status, text)
	}
	for _, path := range []string{"/files/" + input, "/files/" + input + "/content"} {
		if status, text, err := s.ask(http.MethodGet, path, "", nil, nil); err != nil || status != http.StatusNotFound {
			t.Errorf("%s: %v %d %s", path, err, status, text)
		}
	}
	shown, _ := u.Gleitzeit(0, "status", id)
	wantLines(t, "status", shown, id, "Batch requests.jsonl", "running")
	watcher := u.Start("watch", id)
	<-watcher.Ended
	watcher.Exits(0)
	if b := s.ends(id); b.Status != "completed" || b.Counts.Completed != 100 || b.Counts.Failed != 0 {
		t.Errorf("the batch without a file is %+v", b)
	}
	eventually(t, "nothing is left beside the results", func() bool {
		left, err := os.ReadDir(filepath.Join(u.Home, "batch-api", "content"))
		return err == nil && len(left) == 1
	})

	id = s.create(s.upload(slowRequests(400)), `,"completion_window":"24h"`).ID
	s.begins(id)
	_, _ = u.Gleitzeit(0, "cancel", id)
	if b := s.ends(id); b.Status != "cancelled" || b.Counts.Completed == 0 || b.Counts.Completed+b.Counts.Failed != 400 || b.Output == "" || b.Error == "" || b.CancellingAt == 0 {
		t.Errorf("the batch that was cancelled is %+v", b)
	}
}

// TestBatchesThatExpire: a batch ends with its window, whether its requests are sent or it waits for others. Those that wait are validated, and
// can be cancelled.
func TestBatchesThatExpire(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.StartPrivate(t).URL)
	s := u.serveAPI()
	const total = 900
	input := s.upload(slowRequests(total))
	running := s.create(input, `,"completion_window":"30s"`)
	s.begins(running.ID)
	var others []string
	for range 3 { // Four are executed at once.
		others = append(others, s.create(input, `,"completion_window":"24h"`).ID)
	}
	for _, id := range others {
		s.begins(id)
	}
	waiting := []string{s.create(input, `,"completion_window":"24h"`).ID, s.create(input, `,"completion_window":"1s"`).ID}
	eventually(t, "the fifth batch is validated", func() bool { return s.batch(waiting[0]).Status == "in_progress" })
	if b := s.batch(waiting[0]); b.Counts.Total != total || b.Counts.Completed+b.Counts.Failed > 0 {
		t.Errorf("the fifth batch is %+v", b)
	}
	if status, text, err := s.ask(http.MethodPost, "/batches/"+waiting[0]+"/cancel", "", nil, nil); err != nil || status != http.StatusOK {
		t.Fatalf("%v %d %s", err, status, text)
	}
	if b := s.ends(waiting[0]); b.Status != "cancelled" || b.Output != "" || b.Error != "" {
		t.Errorf("the batch that was cancelled is %+v", b)
	}
	if b := s.ends(waiting[1]); b.Status != "expired" || b.Output != "" {
		t.Errorf("the batch that waited is %+v", b)
	}
	b := s.ends(running.ID)
	if b.Status != "expired" || b.Counts.Completed == 0 || b.Counts.Failed == 0 || b.Counts.Completed+b.Counts.Failed != total {
		t.Fatalf("the batch is %+v", b)
	}
	for id, want := range map[string]int{b.Output: b.Counts.Completed, b.Error: b.Counts.Failed} {
		_, text, err := s.ask(http.MethodGet, "/files/"+id+"/content", "", nil, nil)
		if err != nil || strings.Count(text, "\n") != want {
			t.Errorf("%v: the file has %d lines, want %d", err, strings.Count(text, "\n"), want)
		}
		if id == b.Error && strings.Count(text, `"code":"batch_expired"`) < want-32 { // Those in flight may have ended otherwise.
			t.Errorf("the errors are %.2000s", text)
		}
	}
	for _, id := range others {
		if status, _, err := s.ask(http.MethodPost, "/batches/"+id+"/cancel", "", nil, nil); err != nil || status != http.StatusOK {
			t.Errorf("%v %d", err, status)
		}
	}
	for _, id := range others {
		if b := s.ends(id); b.Status != "cancelled" {
			t.Errorf("the batch is %+v", b)
		}
	}
}

// TestBatchesWithoutARun: behind four batches with a run, a file with errors fails at once, and commands about runs say of a batch without one
// how far it is.
func TestBatchesWithoutARun(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.StartPrivate(t).URL)
	s := u.serveAPI()
	input := s.upload(slowRequests(1000))
	var all []string
	for range 5 {
		all = append(all, s.create(input, `,"completion_window":"24h"`).ID)
		eventually(t, "the batch is validated", func() bool { return s.batch(all[len(all)-1]).Status == "in_progress" })
	}
	waiting, broken := all[4], s.create(s.upload("{broken\n"), `,"completion_window":"24h"`).ID
	if b := s.ends(broken); b.Status != "failed" || len(b.Errors.Data) == 0 {
		t.Errorf("a broken file behind four batches is %+v", b)
	}
	for id, want := range map[string]string{waiting: "the batch of the Batch API has not begun (in progress)", broken: "the batch of the Batch API ended before it had one (failed)"} {
		for _, command := range [][]string{{"status"}, {"watch"}, {"cancel"}, {"batch", "show"}} {
			p := u.Start(append(command, id)...)
			p.Wait()
			wantLines(t, strings.Join(command, " "), p.Stderr.String(), `there is no run "`+id+`"`, want, "gleitzeit batch --server URL --batch "+id)
		}
	}
	for i, id := range all {
		if b := s.batch(id); b.Status != "in_progress" || id == waiting && b.Counts.Completed > 0 {
			t.Errorf("batch %d is %+v", i, b)
		}
	}
	for i := range all { // The one that waits first.
		id := all[len(all)-1-i]
		if status, text, err := s.ask(http.MethodPost, "/batches/"+id+"/cancel", "", nil, nil); err != nil || status != http.StatusOK {
			t.Errorf("%v %d %s", err, status, text)
		}
	}
	for _, id := range all {
		if b := s.ends(id); b.Status != "cancelled" {
			t.Errorf("the batch is %+v", b)
		}
	}
}
