package stories_test

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// apiServer is a `gleitzeit server` with its Batch API.
type apiServer struct {
	*process
	url   string // The base URL for clients.
	token string
}

// serveAPI starts a server on any port and waits until it says where it is.
func (u *user) serveAPI(args ...string) *apiServer {
	u.T.Helper()
	args = append([]string{"server", "-o", "json", "--no-ui", "--batch-api", "--batch-api-port", "0"}, args...)
	s := &apiServer{process: u.Start(args...)}
	eventually(u.T, "the server says where it is", func() bool {
		if !s.Running() {
			u.T.Fatalf("the server ended:\n%s", s.Stderr)
		}
		return strings.Contains(s.Stdout.String(), "\n")
	})
	var said struct {
		URL string `json:"batch_api"`
	}
	programtest.JSON(u.T, s.Stdout.String(), &said)
	s.url, s.token = said.URL, strings.TrimSpace(read(u.T, filepath.Join(u.Home, "api.token")))
	return s
}

// chatLine is a line of a request file.
func chatLine(id, body string) string {
	return fmt.Sprintf(`{"custom_id":%q,"method":"POST","url":"/v1/chat/completions","body":%s}`, id, body) + "\n"
}

const hello = `{"model":"llama3.2","temperature":0,"messages":[{"role":"user","content":"hello"}]}`

// apiBatch is a batch as clients get it.
type apiBatch struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Output string `json:"output_file_id"`
	Error  string `json:"error_file_id"`
	Errors struct {
		Data []struct {
			Code, Message, Param string
			Line                 int
		} `json:"data"`
	} `json:"errors"`
	Counts struct{ Total, Completed, Failed int } `json:"request_counts"`
	Usage  struct {
		Total int `json:"total_tokens"`
	} `json:"usage"`
	Metadata map[string]string `json:"metadata"`
	Model    string            `json:"model"`

	CancellingAt int64 `json:"cancelling_at"`
}

// apiRefusal is an error as the package openai has it.
type apiRefusal struct {
	Status  int
	Name    string
	Message string
	Param   string
	Code    string
}

// TestBatchAPIWithOpenAI: the package openai of npm, unchanged but for the base URL and the key, does everything with files and batches, and
// every body has the types of the package. GLEITZEIT_TEST_REQUESTS=1000 is more of the requests.
func TestBatchAPIWithOpenAI(t *testing.T) {
	t.Parallel()
	reader := withPackages(t, openAI)
	u := withOllama(t, ollamatest.Start(t))
	s := u.serveAPI()
	total := programtest.Number(t, "GLEITZEIT_TEST_REQUESTS", 200)
	var whole, broken, many strings.Builder
	for i := range total {
		body := hello
		if i%(total/10) == 5 { // Ten of them: the server refuses these.
			body = `{"model":"llama3.2","messages":[]}`
		}
		whole.WriteString(chatLine(fmt.Sprintf("request-%d", i), body))
		line := chatLine(fmt.Sprintf("request-%d", i), hello)
		if i%(total/10) == 5 { // Ten of them are no requests.
			line = "{broken\n"
		}
		broken.WriteString(line)
	}
	for i := range 200 {
		many.WriteString(chatLine(fmt.Sprintf("request-%d", i), `{"model":"llama3.2","temperature":0,"max_tokens":40,"messages":[{"role":"user","content":"SLOWLY"}]}`))
	}
	command := exec.CommandContext(t.Context(), "node", reader+"/batches.js", u.File("requests.jsonl", whole.String()), u.File("broken.jsonl", broken.String()), u.File("many.jsonl", many.String()), u.Work)
	command.Env = append(command.Environ(), "OPENAI_BASE_URL="+s.url, "OPENAI_API_KEY="+s.token)
	p := begin(t, command)
	<-p.Ended // It takes as long as the requests do.
	p.Exits(0)
	var seen struct {
		Statuses                          map[string][]string
		Counts                            []int
		Created, Whole, Broken, Cancelled apiBatch
		Output, Errors                    struct{ Filename, Purpose string }
		Range                             struct {
			Status      int
			Text, Range string
		}
		Cancelling                            string
		CancelledLines, Left, Bodies, Expires int
		Refusals                              map[string]apiRefusal
		Listed, Files, Models, Problems       []string
		Page                                  struct {
			IDs  []string
			More bool
		}
		Gone apiRefusal
	}
	programtest.JSON(t, p.Stdout.String(), &seen)
	if len(seen.Problems) > 0 || seen.Bodies < 30 {
		t.Errorf("of %d bodies these have other types: %q", seen.Bodies, seen.Problems)
	}
	if seen.Whole.Status != "completed" || seen.Whole.Counts.Total != total || seen.Whole.Counts.Completed != total-10 || seen.Whole.Counts.Failed != 10 || seen.Whole.Model != "llama3.2" || seen.Whole.Usage.Total == 0 {
		t.Errorf("the batch is %+v", seen.Whole)
	}
	if seen.Created.Status != "validating" || seen.Created.Metadata["key with spaces"] != "ä" || seen.Whole.Metadata["purpose"] != "test" {
		t.Errorf("the batch was created as %+v", seen.Created)
	}
	if !isSubsequence(seen.Statuses["whole"], "validating", "in_progress", "finalizing", "completed") {
		t.Errorf("the statuses are %q", seen.Statuses["whole"])
	}
	if !slices.IsSorted(seen.Counts) {
		t.Errorf("the counts fall: %v", seen.Counts)
	}
	verifyResults(t, u, total)
	if seen.Output.Purpose != "batch_output" || seen.Output.Filename != seen.Whole.ID+"_output.jsonl" || seen.Errors.Filename != seen.Whole.ID+"_error.jsonl" {
		t.Errorf("the files are %+v and %+v", seen.Output, seen.Errors)
	}
	if output := read(t, u.Path("output.jsonl")); seen.Range.Status != 206 || seen.Range.Text != output[2:12] || seen.Range.Range != fmt.Sprintf("bytes 2-11/%d", len(output)) {
		t.Errorf("the range is %+v", seen.Range)
	}
	if data := seen.Broken.Errors.Data; seen.Broken.Status != "failed" || len(data) != 10 || data[0].Code != "invalid_json_line" || data[0].Line != 6 || data[9].Line != 9*total/10+6 {
		t.Errorf("the broken batch is %+v", seen.Broken)
	}
	if seen.Cancelling != "cancelling" || seen.Cancelled.Status != "cancelled" || seen.Cancelled.Counts.Completed == 0 || seen.Cancelled.Counts.Completed != seen.CancelledLines || seen.CancelledLines == 200 {
		t.Errorf("%s, then %+v with %d lines", seen.Cancelling, seen.Cancelled, seen.CancelledLines)
	}
	for name, want := range map[string]apiRefusal{
		"cancel":   {409, "ConflictError", "409 Cannot cancel a batch with status 'cancelled'.", "", ""},
		"batch":    {404, "NotFoundError", `404 No batch found with id "batch_unknown".`, "batch_id", ""},
		"file":     {404, "NotFoundError", `404 No such File object: "file-unknown"`, "id", ""},
		"input":    {404, "NotFoundError", `404 No such File object: "file-unknown"`, "input_file_id", ""},
		"endpoint": {400, "BadRequestError", `400 Invalid value: "/v1/images". Supported values are: '/v1/chat/completions', '/v1/embeddings', '/v1/completions', '/v1/responses'.`, "endpoint", "invalid_value"},
		"window":   {400, "BadRequestError", `400 Invalid value: "soon". Supported values are: '24h', and other durations of at most '30d'.`, "completion_window", "invalid_value"},
		"metadata": {400, "BadRequestError", "400 Invalid type for 'metadata.a': expected a string, but got a number instead.", "metadata.a", "invalid_type"},
		"purpose":  {400, "BadRequestError", `400 "vision" is not one of ['batch'] - 'purpose'.`, "purpose", ""},
		"empty":    {400, "BadRequestError", "400 File is empty.", "file", ""},
		"expiry":   {400, "BadRequestError", "400 Invalid 'expires_after.seconds': expected an integer from 3600 to 2592000.", "expires_after.seconds", ""},
		"url":      {404, "NotFoundError", "404 Unknown request URL: GET /v1/assistants", "", "unknown_url"},
	} {
		if seen.Refusals[name] != want {
			t.Errorf("%s: %+v, want %+v", name, seen.Refusals[name], want)
		}
	}
	if got := seen.Refusals["output"]; got.Status != 400 || !strings.HasPrefix(got.Message, "400 Invalid file purpose: ") {
		t.Errorf("a batch of results: %+v", got)
	}
	newest := []string{seen.Cancelled.ID, seen.Broken.ID, seen.Whole.ID}
	if !slices.Equal(seen.Listed, newest) || !slices.Equal(seen.Page.IDs, newest[:2]) || !seen.Page.More {
		t.Errorf("the batches are %q, the first page %+v", seen.Listed, seen.Page)
	}
	if !slices.Equal(seen.Files, []string{"many.jsonl", "broken.jsonl", "requests.jsonl"}) {
		t.Errorf("the files are %q", seen.Files)
	}
	if !slices.Contains(seen.Models, "llama3.2:latest") || seen.Expires != 3600 || seen.Left != 0 || seen.Gone.Status != 404 {
		t.Errorf("models %q, expires after %d, %d files are left, a deleted one is %+v", seen.Models, seen.Expires, seen.Left, seen.Gone)
	}
	status, _ := u.Gleitzeit(0, "list")
	wantLines(t, "list", status, seen.Whole.ID, "Batch requests.jsonl", seen.Cancelled.ID, "cancelled")
	for _, folder := range []string{"content", "files", "uploads"} {
		if left, err := filepath.Glob(filepath.Join(u.Home, "batch-api", folder, "*")); err != nil || len(left) > 0 {
			t.Errorf("%q are left", left)
		}
	}
}

// isSubsequence reports whether the statuses are some of those that follow each other, with the last.
func isSubsequence(statuses []string, all ...string) bool {
	at := 0
	for _, status := range all {
		if at < len(statuses) && statuses[at] == status {
			at++
		}
	}
	return at == len(statuses) && at > 0 && statuses[at-1] == all[len(all)-1]
}

// verifyResults compares the files with what they must have: each custom_id once.
func verifyResults(t *testing.T, u *user, total int) {
	t.Helper()
	found := map[string]int{}
	for _, file := range []string{"output.jsonl", "errors.jsonl"} {
		for line := range strings.Lines(read(t, u.Path(file))) {
			var one struct {
				ID       string `json:"custom_id"`
				Response struct {
					Status int `json:"status_code"`
					Body   struct {
						Choices []struct{ Message struct{ Content string } }
					}
				}
			}
			must(t, json.Unmarshal([]byte(line), &one))
			found[one.ID]++
			if good := one.Response.Status == 200 && len(one.Response.Body.Choices) == 1 && one.Response.Body.Choices[0].Message.Content == "Hello from the scripted model."; good != (file == "output.jsonl") || !good && one.Response.Status != 400 {
				t.Errorf("%s has %s", file, line)
			}
		}
	}
	for i := range total {
		if id := fmt.Sprintf("request-%d", i); found[id] != 1 {
			t.Errorf("%s is there %d times", id, found[id])
		}
	}
	if len(found) != total {
		t.Errorf("%d ids, want %d", len(found), total)
	}
}
