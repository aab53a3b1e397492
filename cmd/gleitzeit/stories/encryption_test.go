package stories_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"

	"github.com/gleitzeit/gleitzeit/internal/redistest"
)

// hush is in the input, the prompt, the results, the errors and the items of encrypted runs, and must be in no file. exposed is
// the name of their workflow, which is not encrypted: a search that finds nothing at all proves nothing.
const (
	hush    = "hush4d5e6f7a"
	exposed = "Exposed8b9c0d"
)

const encryptedFlow = `name: ` + exposed + `
inputs: {word: {type: string}}
tasks:
  - {id: say, method: mcp/tool.echo, parameters: {message: "prompt ${inputs.word}"}}
  - id: big
    method: python/execute
    parameters: {context: {word: "${say.response}"}, code: "print(context['word']); result = {'big': context['word'] * 10000}"}
  - {id: uses, method: python/execute, parameters: {context: {big: "${big.result.big}"}, code: "result = len(context['big'])"}}
  - {id: items, method: mcp/tool.echo, for_each: ["a ` + hush + `", "b"], cache: true, parameters: {message: "${item}"}}
  - id: fail
    method: python/execute
    continue_on_error: true
    retry: {max_attempts: 2, base_delay: 0.01}
    parameters: {context: {word: "${inputs.word}"}, code: "raise OSError('it is ' + context['word'])"}
outputs: {said: "${say.response}", length: "${uses.result}"}
`

// withKey makes a key, writes it to a file, and sets that in the home's config.yaml.
func (u *user) withKey(file string, earlier ...string) (key string) {
	u.T.Helper()
	raw := make([]byte, 32)
	_, err := rand.Read(raw)
	must(u.T, err)
	key = base64.StdEncoding.EncodeToString(raw)
	must(u.T, os.WriteFile(u.Path(file), []byte(strings.Join(append([]string{key}, earlier...), "\n")), 0o600))
	write(u.T, filepath.Join(u.Home, "config.yaml"), "encryption: {key_file: "+u.Path(file)+"}\n")
	return key
}

// findings counts two texts in what is stored.
type findings struct{ hush, exposed int }

func (f *findings) in(data []byte) {
	f.hush += bytes.Count(data, []byte(hush))
	f.exposed += bytes.Count(data, []byte(exposed))
}

func (f *findings) files(t testing.TB, folder string) {
	t.Helper()
	must(t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		f.in(append(data, path...))
		return err
	}))
}

// stored looks at the files of a home, and at what is compressed in them.
func stored(t testing.TB, u *user) (f findings) {
	t.Helper()
	f.files(t, u.Home)
	for _, row := range openHistory(t, u).rows("SELECT tree_id, node_id, txn_id, prev_txn_id, data FROM history_node") {
		for _, event := range row.events {
			f.in([]byte(prototext.Format(event)))
		}
	}
	if exists(filepath.Join(u.Home, "results.db")) {
		for _, value := range storedValues(t, u) {
			f.in(value)
		}
	}
	return f
}

const wantEncrypted = "said: prompt " + hush + "\nlength: 190000\n"

// TestEncryptedRuns: input, prompt, results, errors and items of runs are in no file, whoever executes the run, and every command
// shows them all the same. Without a key they are in files: the search finds them.
func TestEncryptedRuns(t *testing.T) {
	t.Parallel()
	plain := newUser(t)
	plain.File("flow.yaml", encryptedFlow)
	plain.Gleitzeit(0, "run", "flow.yaml", "--input", "word="+hush)
	if f := stored(t, plain); f.hush < 10 || f.exposed == 0 {
		t.Fatalf("without encryption %+v was found", f)
	}
	u := newUser(t)
	u.File("flow.yaml", encryptedFlow)
	first := u.withKey("key")
	stdout, stderr := u.Gleitzeit(0, "run", "flow.yaml", "--input", "word="+hush)
	wantLines(t, "run", stdout, wantEncrypted)
	wantLines(t, "run", stderr, "OSError: it is "+hush)
	server := u.serves("--no-ui")
	worker := u.works("--queue", "other")
	u.File("other.yaml", strings.ReplaceAll(encryptedFlow, "{id: say,", "{id: say, queue: other,"))
	stdout, _ = u.Gleitzeit(0, "submit", "other.yaml", "--wait", "--input", "word="+hush)
	wantLines(t, "submit", stdout, wantEncrypted)
	stdout, _ = u.Gleitzeit(0, "status", "@latest")
	wantLines(t, "status", stdout, "OSError: it is "+hush, "2 of 2 items")
	_, stderr = u.Gleitzeit(0, "watch", "@latest")
	wantLines(t, "watch", stderr, "OSError: it is "+hush)
	if f := stored(t, u); f.hush > 0 || f.exposed == 0 {
		t.Errorf("with encryption %+v was found", f)
	}

	// A key that is added in front encrypts, and processes that run already read the file again when they need it.
	u.withKey("key", first)
	stdout, _ = u.Gleitzeit(0, "submit", "other.yaml", "--wait", "--input", "word="+hush)
	wantLines(t, "submit with another key", stdout, wantEncrypted)
	stdout, _ = u.Gleitzeit(0, "list", "-o", "jsonl")
	if strings.Count(stdout, `"status":"completed"`) != 3 {
		t.Errorf("list: %s", stdout)
	}
	worker.Kill()
	server.Kill()
	for _, run := range strings.Split(strings.TrimSpace(stdout), "\n") {
		var listed struct{ Run string }
		must(t, json.Unmarshal([]byte(run), &listed))
		results, _ := u.Gleitzeit(0, "results", listed.Run)
		wantLines(t, "results of an earlier key", results, wantEncrypted)
	}
	if f := stored(t, u); f.hush > 0 {
		t.Errorf("after a rotation %+v was found", f)
	}

	// A process without the key ends at once, and says what to set.
	must(t, os.Remove(filepath.Join(u.Home, "config.yaml")))
	for _, command := range [][]string{{"list"}, {"server", "--no-ui"}, {"run", "flow.yaml", "--input", "word=x"}, {"results", "@latest"}} {
		_, stderr := u.Gleitzeit(1, command...)
		wantLines(t, command[0], stderr, "gleitzeit: the data are encrypted with the key ", "set encryption.key_file in config.yaml, or GLEITZEIT_ENCRYPTION_KEY_FILE")
	}
	must(t, os.Chmod(u.Path("key"), 0o644))
	write(t, filepath.Join(u.Home, "config.yaml"), "encryption: {key_file: "+u.Path("key")+"}\n")
	_, stderr = u.Gleitzeit(1, "list")
	wantLines(t, "an open key file", stderr, `gleitzeit: cannot read the encryption keys in "`+u.Path("key")+`": other users can read or change it`)
}

// TestAnEncryptedRunIsResumed: after a kill, with the history and the results of the killed process; runs that began without a
// key are completed with one.
func TestAnEncryptedRunIsResumed(t *testing.T) {
	t.Parallel()
	for _, before := range []bool{true, false} {
		u := newSleeper(t)
		if before {
			u.withKey("key")
		}
		p := u.Start("run", "flow.yaml")
		u.asleep()
		p.Kill()
		if !before {
			u.withKey("key")
		}
		u.File("go", "")
		_, stderr := u.Gleitzeit(0, "run", "flow.yaml")
		wantLines(t, "run", stderr, "resumed run "+p.RunID())
	}
}

// TestAWorkerWithoutTheKey fails an encrypted run, and says why, instead of trying again for ever. The command of a batch that was
// interrupted, which has its prompt, is encrypted in its claim.
func TestAWorkerWithoutTheKey(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("flow.yaml", encryptedFlow)
	server := u.serves("--no-ui")
	u.withKey("key")
	stdout, stderr := u.Gleitzeit(5, "submit", "flow.yaml", "--wait", "--input", "word="+hush)
	wantLines(t, "submit", stdout+stderr, "the data are encrypted with the key ", "and no key file is set")
	server.Signal(syscall.SIGTERM)
	server.Wait()
	if f := stored(t, u); f.hush > 0 {
		t.Errorf("%+v was found", f)
	}

	u.File("a.txt", "text")
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // Only then the server notices that the client is gone.
		<-r.Context().Done()
	}))
	t.Cleanup(silent.Close)
	u.File("docs/a.txt", "text")
	p := u.StartIn(u.Work, []string{"OLLAMA_HOST=" + silent.URL}, "batch", "docs", "--prompt", hush+" ${item.name}")
	id := p.RunID()
	eventually(t, "the claim is there", func() bool { return exists(filepath.Join(u.Home, "runs", id+".json")) })
	claim := read(t, filepath.Join(u.Home, "runs", id+".json"))
	p.Kill()
	if f := stored(t, u); f.hush > 0 || !strings.Contains(claim, `"command"`) {
		t.Errorf("%+v was found, and the claim is %s", f, claim)
	}
	_, stderr = u.Gleitzeit(0, "status", id)
	wantLines(t, "status", stderr, "--prompt '"+hush)
}

// TestEncryptedInRedis: nothing plain is in what a Redis server writes down.
func TestEncryptedInRedis(t *testing.T) {
	t.Parallel()
	for _, encrypted := range []bool{false, true} {
		server := redistest.Start(t)
		u := newUser(t)
		u.File("flow.yaml", encryptedFlow)
		if encrypted {
			u.withKey("key")
		}
		p := u.StartIn(u.Work, []string{"GLEITZEIT_REDIS_URL=" + server.URL("", 0)}, "run", "flow.yaml", "--input", "word="+hush)
		p.Exits(0)
		wantLines(t, "run", p.Stdout.String(), wantEncrypted)
		f := stored(t, u)
		f.files(t, server.Setting("dir"))
		if f.exposed == 0 || encrypted != (f.hush == 0) {
			t.Errorf("encrypted %v: %+v was found", encrypted, f)
		}
	}
}

// TestTheWebUIDecrypts: the UI's server decodes payloads for whoever has the token, and for nobody else.
func TestTheWebUIDecrypts(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("flow.yaml", encryptedFlow)
	u.withKey("key")
	s := u.serveUI()
	stdout, _ := u.Gleitzeit(0, "submit", "flow.yaml", "--wait", "--input", "word="+hush, "-o", "json")
	run, err := parseRun(stdout)
	must(t, err)
	jar, err := cookiejar.New(nil)
	must(t, err)
	browser := &http.Client{Jar: jar}
	ask := func(client *http.Client, method, path, body string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		must(t, err)
		r.Header.Set("Sec-Fetch-Site", "same-origin") // As a page of the UI sends it.
		answer, err := client.Do(r)
		must(t, err)
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		must(t, err)
		return answer.StatusCode, string(text)
	}
	ask(browser, "GET", s.link, "")
	_, settings := ask(browser, "GET", s.base+"/api/v1/settings", "")
	endpoint := between(settings, `"Codec":{"Endpoint":"`, `"`)
	if !strings.HasPrefix(endpoint, s.base) {
		t.Fatalf("the UI is told of the codec %q in %s", endpoint, settings)
	}
	_, history := ask(browser, "GET", s.base+"/api/v1/namespaces/default/workflows/"+*run.Run+"/history", "")
	if strings.Contains(history, base64.StdEncoding.EncodeToString([]byte(hush))[:12]) || strings.Contains(history, hush) {
		t.Error("the history is not encrypted")
	}
	var document any
	must(t, json.Unmarshal([]byte(history), &document))
	payloads := payloadsIn(document)
	body, err := json.Marshal(map[string]any{"payloads": payloads})
	must(t, err)
	if len(payloads) < 5 {
		t.Fatalf("%d payloads in %s", len(payloads), history)
	}
	status, said := ask(browser, "POST", endpoint+"/decode", string(body))
	var decoded struct{ Payloads []struct{ Data []byte } }
	if status == http.StatusOK {
		must(t, json.Unmarshal([]byte(said), &decoded))
	}
	var f findings
	for _, payload := range decoded.Payloads {
		f.in(payload.Data)
	}
	if status != http.StatusOK || len(decoded.Payloads) != len(payloads) || f.hush == 0 {
		t.Errorf("status %d, %d of %d payloads, %+v: %.300s", status, len(decoded.Payloads), len(payloads), f, said)
	}
	if status, said := ask(http.DefaultClient, "POST", endpoint+"/decode", string(body)); status != http.StatusUnauthorized || strings.Contains(said, "payloads") {
		t.Errorf("without the token: status %d, %s", status, said)
	}
}

// payloadsIn returns what has data and metadata of an encrypted payload, at any depth.
func payloadsIn(document any) (all []any) {
	switch of := document.(type) {
	case []any:
		for _, element := range of {
			all = append(all, payloadsIn(element)...)
		}
	case map[string]any:
		if metadata, is := of["metadata"].(map[string]any); is && metadata["encryption-key-id"] != nil {
			return []any{of}
		}
		for _, value := range of {
			all = append(all, payloadsIn(value)...)
		}
	}
	return all
}
