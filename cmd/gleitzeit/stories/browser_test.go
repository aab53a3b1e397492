package stories_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/gleitzeit/gleitzeit/internal/require"
)

// screenshotsVariable names a folder for pictures of what tests see in a browser.
const screenshotsVariable = "GLEITZEIT_TEST_SCREENSHOTS"

// tab is a page in a Chromium of its own.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu        sync.Mutex
	requests  []network.RequestID
	addresses map[network.RequestID]string
	statuses  map[network.RequestID]int // Of answers, those included that the browser kept from the page.
	complaint []string                  // What the browser itself had to say: a refused script, say.
}

// newTab starts a browser that knows nothing and says nothing to anybody by itself.
func newTab(t *testing.T) *tab {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		require.Skip(t, "there is no chromium")
	}
	profile, err := os.MkdirTemp("", "gleitzeit-browser-")
	must(t, err)
	t.Cleanup(func() {
		// What the browser had started may still write for a moment.
		eventually(t, "the browser's folder is gone", func() bool { return os.RemoveAll(profile) == nil })
	})
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.UserDataDir(profile), chromedp.WindowSize(1500, 1400),
	}
	for _, flag := range []string{"disable-quic", "disable-background-networking", "disable-component-update", "disable-sync", "disable-dev-shm-usage"} {
		options = append(options, chromedp.Flag(flag, true))
	}
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(end)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	b := &tab{t: t, ctx: ctx, addresses: map[network.RequestID]string{}, statuses: map[network.RequestID]int{}}
	must(t, chromedp.Do(ctx))
	must(t, chromedp.Listen(ctx, b.note))
	_, err = chromedp.Call(ctx, log.Enable, cdp.Empty{})
	must(t, err)
	_, err = chromedp.Call(ctx, network.Enable, network.EnableParams{})
	must(t, err)
	return b
}

func (b *tab) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.RequestID)
		b.addresses[e.RequestID] = e.Request.URL
	case *network.EventResponseReceivedExtraInfo:
		b.statuses[e.RequestID] = int(e.StatusCode)
	case *log.EventEntryAdded:
		b.complaint = append(b.complaint, fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL))
	}
}

// visit opens an address and returns the status of the answer.
func (b *tab) visit(address string) int {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	answer, err := chromedp.Run(ctx, chromedp.NavigateResponse(address))
	must(b.t, err)
	return int(answer.Status)
}

// evaluate is what an expression in the page comes to, as text; a promise is waited for.
func (b *tab) evaluate(script string) string {
	b.t.Helper()
	text, err := b.ask(script)
	if err != nil {
		b.t.Fatalf("%s: %v", script, err)
	}
	return text
}

func (b *tab) ask(script string) (string, error) {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[string](script, chromedp.EvalAwaitPromise))
}

// follow clicks the link that a selector names, as soon as the page has one.
func (b *tab) follow(selector string) {
	b.t.Helper()
	// The click waits for its turn: a page that is left answers nobody.
	click := fmt.Sprintf("(link => { if (link) setTimeout(() => link.click()); return String(link) })(document.querySelector(%q))", selector)
	eventually(b.t, "the page has a link "+selector, func() bool {
		link, err := b.ask(click)
		return err == nil && link != "null"
	})
}

// pageText is what a person reads on the page, frames included.
const pageText = `(function read(d) {
	return [d.body ? d.body.innerText : "", ...Array.from(d.querySelectorAll("iframe")).map(f => f.contentDocument ? read(f.contentDocument) : "")].join("\n")
})(document)`

// sees waits until the page shows every text, and returns all that it shows.
func (b *tab) sees(texts ...string) string {
	b.t.Helper()
	var shown string
	var err error // While a page gives way to another, the browser answers with an error.
	defer func() {
		if b.t.Failed() {
			b.t.Logf("the page shows:\n%s\nits last error: %v\nand the browser says:\n%s", shown, err, strings.Join(b.complaints(), "\n"))
		}
	}()
	for _, text := range texts {
		eventually(b.t, "the page shows "+text, func() bool {
			shown, err = b.ask(pageText)
			return strings.Contains(shown, text)
		})
	}
	return shown
}

// asked lists the addresses that the page asked for.
func (b *tab) asked() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	for _, id := range b.requests {
		all = append(all, b.addresses[id])
	}
	return all
}

// answered is the status of the last answer to a request for the address; 0 where there was none.
func (b *tab) answered(address string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range slices.Backward(b.requests) {
		if status, known := b.statuses[id]; known && b.addresses[id] == address {
			return status
		}
	}
	return 0
}

func (b *tab) complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string{}, b.complaint...)
}

// screenshot keeps a picture where somebody wants one.
func (b *tab) screenshot(name string) {
	b.t.Helper()
	folder := os.Getenv(screenshotsVariable)
	if folder == "" {
		return
	}
	must(b.t, os.MkdirAll(folder, 0o755))
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	const png = 100 // Any lower quality is a JPEG.
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(png))
	must(b.t, err)
	must(b.t, os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o644))
}
