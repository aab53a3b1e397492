package stories_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// uiServer is a `gleitzeit server` with its Web UI.
type uiServer struct {
	*process
	engine string // host:port.
	link   string // With the token.
	base   string // Without, and without a slash at its end.
	token  string
}

// serveUI starts a server on any port and waits until it says where it is.
func (u *user) serveUI(environment ...string) *uiServer {
	u.T.Helper()
	s := &uiServer{process: u.StartIn(u.Work, environment, "server", "-o", "json", "--ui-port", "0")}
	eventually(u.T, "the server says where it is", func() bool {
		if !s.Running() {
			u.T.Fatalf("the server ended:\n%s", s.Stderr)
		}
		return strings.Contains(s.Stdout.String(), "\n")
	})
	var said struct{ Engine, UI string }
	programtest.JSON(u.T, s.Stdout.String(), &said)
	link, err := url.Parse(said.UI)
	must(u.T, err)
	s.engine, s.link, s.base, s.token = said.Engine, said.UI, "http://"+link.Host, link.Query().Get("token")
	if len(s.token) < 43 {
		u.T.Fatalf("the link %q has no token of 32 bytes", said.UI)
	}
	return s
}

// temporalPage is where Temporal's own pages begin.
const temporalPage = "/namespaces/default/workflows"

const teaFlow = `
name: Tea for two
description: Adds and multiplies
tasks:
  - id: sum
    name: Add the cups
    method: mcp/tool.add
    parameters: {a: 2, b: 3}
  - id: square
    name: Square them
    method: mcp/tool.multiply
    parameters: {a: "${sum.result}", b: "${sum.result}"}
  - id: script
    name: Say it in Python
    method: python/execute
    parameters: {code: "result = 'cups: ' + str(${square.result})"}
`

// tea runs teaFlow on the server and returns the run's id.
func (u *user) tea() string {
	u.T.Helper()
	stdout, _ := u.Gleitzeit(0, "submit", "--wait", "-o", "json", u.File("tea.yaml", teaFlow))
	run, err := parseRun(stdout)
	must(u.T, err)
	return *run.Run
}

func TestWebUIShowsARun(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	s := u.serveUI("GLEITZEIT_LOG_LEVEL=debug") // So that what could say the token speaks.
	run := u.tea()
	b := newTab(t)

	if status := b.visit(s.base); status != http.StatusUnauthorized {
		t.Errorf("without the token the status is %d, want 401", status)
	}
	b.sees("The Web UI opens with the link that gleitzeit server prints when it starts.")
	b.screenshot("refused")

	if status := b.visit(s.link); status != http.StatusOK {
		t.Fatalf("the link has status %d", status)
	}
	b.sees(run, "Tea for two", "completed")
	if at := b.evaluate("location.href"); strings.Contains(at, "token") {
		t.Errorf("the token stays in the address: %s", at)
	}
	b.screenshot("start")
	b.visit(s.base + "/namespaces/default/workflows")
	b.sees(run, "gleitzeit.run", "COMPLETED")
	b.screenshot("list")

	page := s.base + "/namespaces/default/workflows/" + run
	b.visit(page)
	b.sees("COMPLETED", "mcp/tool.add", "Add the cups", "Square them", "Say it in Python", `"driverName": "gleitzeit"`) // The plan is not on the first screen.
	b.screenshot("run")
	history := b.evaluate("location.pathname.replace(/timeline$/, 'history')")
	b.visit(s.base + history)
	b.sees("Workflow Execution Completed", "python/execute")
	b.screenshot("history")
	b.visit(s.base + strings.TrimSuffix(history, "history") + "user-metadata")
	b.sees("Adds and multiplies", "attempts", "completed")
	b.screenshot("metadata")

	for _, address := range b.asked() {
		if !strings.HasPrefix(address, s.base+"/") && !strings.HasPrefix(address, "data:") && !strings.HasPrefix(address, "blob:") {
			t.Errorf("the page asks somebody else: %s", address)
		}
	}
	for _, complaint := range b.complaints() {
		if strings.Contains(complaint, "Content Security Policy") {
			t.Errorf("the page wants what its policy refuses: %s", complaint)
		}
	}
	if said := s.Stderr.String(); strings.Contains(said, s.token) {
		t.Error("the token is in the log")
	}
	if mode := fileMode(t, u.Home+"/ui.token"); mode != 0o600 {
		t.Errorf("the token's file has mode %v, want 0600", mode)
	}
}

// A browser that holds the cookie lets the UI's own page start a workflow, and no other page, be it of another port of
// the same host, for which a browser sends every cookie.
func TestWebUIObeysItsOwnPageOnly(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	s := u.serveUI()
	b := newTab(t)
	b.visit(s.link)
	b.visit(s.base + temporalPage)

	// As the UI's own scripts do it.
	said := b.evaluate(fmt.Sprintf(`fetch(%q, {method: "POST", body: %q,
		headers: {"X-CSRF-Token": document.cookie.match(/_csrf=([^;]*)/)[1]}}).then(async a => a.status + " " + await a.text())`,
		startAddress(s, "by-own-page"), startBody))
	if !strings.HasPrefix(said, "200 ") || !u.started(s, "by-own-page") {
		t.Errorf("the UI's own page cannot start a workflow: %s", said)
	}

	reached := make(chan string, 10)
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached <- r.Header.Get("Cookie")
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<form method="POST" enctype="text/plain" action="%s" target="result"><input name='%s' value=''></form><iframe name="result"></iframe>`,
			startAddress(s, "by-form"), startBody)
	}))
	defer page.Close()
	for _, host := range []string{"127.0.0.1", "localhost"} {
		name := "by-" + strings.ReplaceAll(host, ".", "-")
		b.visit(strings.Replace(page.URL, "127.0.0.1", host, 1))
		sent := <-reached
		if host == "127.0.0.1" && !strings.Contains(sent, "gleitzeit_ui_") {
			t.Errorf("the browser sends no cookie to another port, and this test would show nothing: %q", sent)
		}
		refuses := func(what, address string) {
			eventually(t, "an answer to "+address, func() bool { return b.answered(address) != 0 })
			if status := b.answered(address); status != http.StatusForbidden {
				t.Errorf("%s of a page of %s has status %d, want 403", what, host, status)
			}
			if u.started(s, address[strings.LastIndex(address, "/")+1:]) {
				t.Errorf("%s of a page of %s starts a workflow", what, host)
			}
		}
		for _, mode := range []string{"no-cors", "cors"} {
			address := startAddress(s, name+"-"+mode)
			b.evaluate(fmt.Sprintf(`fetch(%q, {method: "POST", mode: %q, credentials: "include", body: %q}).then(a => a.type, e => "refused")`,
				address, mode, startBody))
			refuses("a script, with mode "+mode+",", address)
		}
		if answer := b.evaluate(fmt.Sprintf(`fetch(%q, {credentials: "include"}).then(a => a.text(), e => "refused")`, s.base+"/api/v1/namespaces")); answer != "refused" {
			t.Errorf("a page of %s reads: %s", host, answer)
		}
		b.evaluate(`new Promise(done => { document.querySelector("iframe").onload = () => done("sent"); document.querySelector("form").submit() })`)
		refuses("a form", startAddress(s, "by-form"))
	}
}

func fileMode(t testing.TB, path string) os.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	return info.Mode().Perm()
}

// A plan that is too large for a history is in the result store, and the UI has it from there.
func TestWebUIOffersLargePayloads(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	s := u.serveUI()
	flow := "name: Large\ntasks:\n  - id: long\n    method: python/execute\n    parameters:\n      code: |\n        result = 1\n        # " +
		strings.Repeat("x", 100_000) + "\n"
	stdout, _ := u.Gleitzeit(0, "submit", "--wait", "-o", "json", u.File("large.yaml", flow))
	run, err := parseRun(stdout)
	must(t, err)
	b := newTab(t)
	b.visit(s.link)
	b.visit(s.base + "/namespaces/default/workflows/" + *run.Run)
	b.sees("COMPLETED", `"driverName": "gleitzeit"`, "Payload downloads")
	b.screenshot("large")
	b.evaluate(`Array.from(document.querySelectorAll("button")).find(b => / KB$/.test(b.innerText.trim())).click(), "clicked"`)
	address := s.base + "/payloads/download?preserveStorageRefs=true"
	eventually(t, "the payload is fetched", func() bool { return b.answered(address) != 0 })
	if status := b.answered(address); status != http.StatusOK {
		t.Errorf("the payload's download has status %d; the page asked for %q", status, b.asked())
	}
}

// TestOpen prints the link of a run, which lets its holder in.
func TestOpen(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	s := u.serveUI()
	run := u.tea()
	stdout, _ := u.Gleitzeit(0, "open", run, "--print")
	want := s.base + "/namespaces/default/workflows/" + run + "?token=" + s.token + "\n"
	if stdout != want {
		t.Fatalf("open printed %q, want %q", stdout, want)
	}
	response, err := stranger(t).Get(strings.TrimSpace(stdout))
	must(t, err)
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || response.Request.URL.RawQuery != "" {
		t.Errorf("the link led to %s: %s", response.Request.URL, response.Status)
	}
	// On a terminal with a browser: no word of a command, which other users can see, has the token.
	programs := t.TempDir()
	write(t, filepath.Join(programs, "xdg-open"), "#!/bin/sh\nset -e\necho \"$@\" > words\ncp \"$1\" opened.html\n")
	must(t, os.Chmod(filepath.Join(programs, "xdg-open"), 0o755))
	terminal := exec.Command("python3", "-c", "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))", program(t), "open", run)
	terminal.Dir, terminal.Env = u.Work, u.Environment("DISPLAY=:99", "PATH="+programs+string(filepath.ListSeparator)+os.Getenv("PATH"))
	output, err := terminal.CombinedOutput()
	if err != nil || !strings.Contains(strings.Join(strings.Fields(string(output)), " "), "opened "+strings.TrimSuffix(want, "?token="+s.token+"\n")+" in the browser") || strings.Contains(string(output), s.token) {
		t.Errorf("open printed %q, %v", output, err)
	}
	if page := read(t, u.Path("opened.html")); !strings.Contains(page, strings.TrimSpace(want)) || strings.Contains(read(t, u.Path("words")), s.token) {
		t.Errorf("the browser got %q with %q", read(t, u.Path("words")), page)
	}
	_, stderr := u.Gleitzeit(1, "open", "nope")
	wantLines(t, "standard error", stderr, `there is no run "nope"`)
}
