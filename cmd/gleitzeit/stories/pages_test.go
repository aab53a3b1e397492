package stories_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/require"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/sqlite"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// axePackages installs axe-core once, for all tests.
var axePackages = packages("axe")

// open opens an address, of a file for instance.
func (b *tab) open(address string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	must(b.t, chromedp.Do(ctx, chromedp.Navigate(address)))
}

// look sets the width of the window, the scheme of colors, and whether scripts run.
func (b *tab) look(width int64, scheme string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 900, DeviceScaleFactor: 1})
	must(b.t, err)
	_, err = chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	must(b.t, err)
}

// scripts lets the scripts of pages run, or not.
func (b *tab) scripts(run bool) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !run})
	must(b.t, err)
}

// print prints the page, where somebody wants pictures.
func (b *tab) print(name string) {
	b.t.Helper()
	folder := os.Getenv(screenshotsVariable)
	if folder == "" {
		return
	}
	background := true
	printed, err := chromedp.Call(b.ctx, page.PrintToPDF, page.PrintToPDFParams{PrintBackground: &background, PaperWidth: 8.27, PaperHeight: 11.69})
	must(b.t, err)
	must(b.t, os.WriteFile(filepath.Join(folder, name+".pdf"), printed.Data, 0o644))
}

// isAccessible checks the page with axe-core, wide and narrow, light and dark, and that it is no wider than the window.
func (b *tab) isAccessible(name string) {
	b.t.Helper()
	axe := read(b.t, filepath.Join(withPackages(b.t, axePackages), "node_modules", "axe-core", "axe.min.js"))
	b.evaluate(axe + "; 'loaded'")
	for _, width := range []int64{1280, 390} {
		for _, scheme := range []string{"light", "dark"} {
			b.look(width, scheme)
			var found []struct {
				ID, Impact, Help string
				Nodes            []struct{ HTML, FailureSummary string }
			}
			must(b.t, json.Unmarshal([]byte(b.evaluate("axe.run(document, {resultTypes: ['violations']}).then(r => JSON.stringify(r.violations))")), &found))
			for _, violation := range found {
				for _, node := range violation.Nodes[:min(3, len(violation.Nodes))] {
					b.t.Errorf("%s, %d wide, %s: %s (%s): %s\n%.300s\n%s", name, width, scheme, violation.ID, violation.Impact, violation.Help, node.HTML, node.FailureSummary)
				}
			}
			if overflow := b.evaluate("String(document.documentElement.scrollWidth - document.documentElement.clientWidth)"); overflow != "0" {
				widest := b.evaluate("[...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.wide, .tree')).slice(0, 3).map(e => e.outerHTML.slice(0, 200)).join('\\n')")
				b.t.Errorf("%s, %d wide: it is %s pixels wider than the window\n%s", name, width, overflow, widest)
			}
			b.screenshot(fmt.Sprintf("%s-%d-%s", name, width, scheme))
		}
	}
	b.look(1280, "light")
}

// obeysItsPolicy reports what the browser has refused, and whom else the page has asked.
func (b *tab) obeysItsPolicy(own string) {
	b.t.Helper()
	for _, complaint := range b.complaints() {
		b.t.Errorf("the browser complains: %s", complaint)
	}
	for _, address := range b.asked() {
		if !strings.HasPrefix(address, own) && !strings.HasPrefix(address, "data:") {
			b.t.Errorf("the page asks somebody else: %s", address)
		}
	}
}

func fileURL(path string) string { return (&url.URL{Scheme: "file", Path: path}).String() }

const lettersFlow = `
name: Quarterly letters
description: Reads what customers wrote, sorts it, and writes one summary.
version: 1.4.2
tags: [letters, q3]
inputs:
  language: {type: string, default: English}
  api_key: {type: string, default: sk-0123456789}
tasks:
  - id: fetch
    name: Fetch the letters
    method: python/execute
    parameters: {code: "result = [f'letter {i}: ' + ('PINEAPPLE ' * (i % 3) or '</script><b>hello</b>') for i in range(205)]"}
  - id: rates
    method: python/execute
    parameters: {code: "result = {'eur': 1.08}"}
  - id: classify
    for_each: ${fetch.result[0:6]}
    method: llm/chat
    parameters: {model: tiny-script, prompt: "Sort this (${inputs.language}): ${item}"}
  - id: check
    for_each: ${fetch.result}
    method: python/execute
    continue_on_error: true
    parameters:
      code: |
        i = ${index}
        if i % 53 == 3: raise ValueError("no date in the letter </script><img src=x onerror=alert(1)>")
        if i % 97 == 5: raise KeyError("customer " + "x" * 400)
        result = {"chars": len(${item}), "n": i, "rtl": "\u202eشلوم"}
  - id: summary
    method: llm/chat
    dependencies: [classify, check, rates]
    parameters: {model: tiny-script, system: "You are brief.", prompt: "Summarise in ${inputs.language} at ${rates.result.eur}: PINEAPPLE"}
  - id: mail
    method: python/execute
    dependencies: [summary]
    when: ${rates.result.eur} > 2
    parameters: {code: "result = 1"}
  - id: archive
    method: python/execute
    dependencies: [fetch, summary]
    parameters: {code: "result = 'archived ' + 'w' * 500"}
outputs:
  summary: ${summary.response}
  archived: ${archive.result}
`

// A report is a page that everybody can read, wide and narrow, light and dark, with scripts and without.
func TestReportInABrowser(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	b := newTab(t)
	u.Gleitzeit(6, "run", u.File("letters.yaml", lettersFlow))
	u.Gleitzeit(0, "report", "@latest", "--output", "letters.html")
	address := fileURL(filepath.Join(u.Work, "letters.html"))

	b.scripts(false)
	b.open(address)
	b.scripts(true) // For what the test itself asks the page.
	b.sees("Quarterly letters", "completed", "no date in the letter", "I saw the PINEAPPLE.", "tiny-script", "(hidden)", "Items 0 to 199", "Items 200 to 204")
	if tools := b.evaluate("String(document.querySelectorAll('.tools').length)"); tools != "0" {
		t.Errorf("%s forms for searching, and no script runs", tools)
	}

	b.open(address)
	b.isAccessible("report")
	b.print("report")

	// Behind an answer is the prompt.
	b.evaluate("document.querySelector('.items tbody tr:nth-child(2) details').open = true; ''")
	b.sees("Sort this (English): letter 1: PINEAPPLE")

	// A search and a sorting show the items that are meant.
	const items = "document.querySelectorAll('.items')[1]"
	b.evaluate(items + ".querySelector('select').value = 'failed'; " + items + ".querySelector('select').dispatchEvent(new Event('change')); ''")
	count := items + ".querySelector('[role=status]').textContent"
	eventually(t, "the items that failed are shown", func() bool { return b.evaluate(count) == "7 of 205 items" })
	b.evaluate(items + ".querySelector('[type=search]').value = \"'customer\"; " + items + ".querySelector('[type=search]').dispatchEvent(new Event('input')); ''")
	eventually(t, "one of the reasons is found", func() bool { return b.evaluate(count) == "3 of 205 items" })
	first := items + ".querySelector('tbody tr:not(.part tr) th').textContent"
	sort := items + ".querySelector('thead button').click(); ''"
	b.evaluate(sort)
	lowest := b.evaluate(first)
	b.evaluate(sort)
	if highest := b.evaluate(first); lowest == highest || !strings.HasPrefix(lowest, "letter 5:") || !strings.HasPrefix(highest, "letter 199:") {
		t.Errorf("sorted by the index, the first is %q, and the other way around %q", lowest, highest)
	}
	b.isAccessible("report-search")
	b.obeysItsPolicy("file:")
}

// recordMany records the end of a run with so many items, as activities do, and as no test could wait for.
func recordMany(t *testing.T, path string, count int) {
	t.Helper()
	store, err := sqlite.Open(t.Context(), path)
	must(t, err)
	defer store.Close()
	var batch resultstore.Batch
	keep := func(data []byte) *protocol.Ref {
		ref := protocol.RefOf(data)
		batch.Values = append(batch.Values, data)
		return &ref
	}
	began := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	add := func(kind resultstore.Kind, task string, item, attempt int, change func(*resultstore.Record)) {
		record := resultstore.Record{
			Kind: kind, Key: resultstore.Key{Run: "many", Execution: "e", Task: task, Item: item, Attempt: attempt}, Workflow: "Many", Status: protocol.Completed,
			Attempts: attempt, StartedAt: began, FinishedAt: began.Add(time.Minute),
		}
		change(&record)
		batch.Records = append(batch.Records, record)
	}
	var manifest protocol.Manifest
	for first := 0; first < count; first += protocol.MaxPageItems {
		var items []value.Value
		for i := first; i < min(first+protocol.MaxPageItems, count); i++ {
			items = append(items, value.String(fmt.Sprintf("letter %05d of a customer who waits for an order", i)))
			result := value.Object(value.Field{Name: "response", Value: value.String(strings.Repeat("The customer wants the money back, or a new one. ", 18) + fmt.Sprint(i))})
			add(resultstore.Task, "each", i, 1, func(r *resultstore.Record) { r.Value = keep(result.JSON()) })
		}
		manifest.Pages = append(manifest.Pages, protocol.Page{Ref: *keep(value.List(items...).JSON()), First: first, Count: len(items)})
	}
	manifest.Total = count
	list, err := json.Marshal(manifest)
	must(t, err)
	values := value.List()
	planned, err := json.Marshal(&plan.Plan{Name: "Many", Tasks: []plan.Task{{ID: "each", Method: "llm/chat", FanOut: &plan.FanOut{Values: &values},
		Parameters: value.Object(value.Field{Name: "prompt", Value: value.String("What does the customer want?\n${item}")})}}})
	must(t, err)
	add(resultstore.Task, "each", protocol.NoItem, 1, func(r *resultstore.Record) {
		r.Items, r.Counts = keep(list), &protocol.Counts{Total: count, Succeeded: count}
	})
	add(resultstore.Run, "", protocol.NoItem, 0, func(r *resultstore.Record) { r.Plan = keep(planned) })
	must(t, store.Put(t.Context(), batch))
}

// TestManyItemsInABrowser opens the report of 10,000 items, and searches in it.
func TestManyItemsInABrowser(t *testing.T) {
	require.Long(t, "it opens a page of 10,000 items")
	t.Parallel()
	u := newUser(t)
	b := newTab(t)
	u.Gleitzeit(0, "list")
	recordMany(t, filepath.Join(u.Home, "results.db"), 10_000)
	u.Gleitzeit(0, "report", "many", "--output", "many.html")
	info, err := os.Stat(filepath.Join(u.Work, "many.html"))
	must(t, err)
	began := time.Now()
	b.open(fileURL(filepath.Join(u.Work, "many.html")))
	opened := time.Since(began)
	began = time.Now()
	b.evaluate("document.querySelector('[type=search]').value = '9876'; document.querySelector('[type=search]').dispatchEvent(new Event('input')); ''")
	eventually(t, "the item is found", func() bool {
		return b.evaluate("document.querySelector('.items [role=status]').textContent") == "1 of 10,000 items"
	})
	found := time.Since(began)
	t.Logf("%d KiB, opened in %s, searched in %s, %s elements", info.Size()>>10, opened.Round(time.Millisecond), found.Round(time.Millisecond), b.evaluate("String(document.querySelectorAll('*').length)"))
	if opened > 20*time.Second || found > 10*time.Second {
		t.Errorf("opened in %s, searched in %s", opened, found)
	}
	b.screenshot("report-many")
}

// The start page of a server shows its runs as they go on, and leads to their reports and to Temporal's pages.
func TestStartPageInABrowser(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	s := u.serveUI()
	b := newTab(t)
	if status := b.visit(s.link); status != 200 {
		t.Fatalf("the link has status %d", status)
	}
	b.sees("There is no run yet", "ollama", "live")
	b.evaluate("window.before = 'the same page'; ''")

	gate := filepath.Join(u.Work, "go")
	u.Gleitzeit(0, "submit", u.File("slow.yaml", fmt.Sprintf(`
name: Slow </script><b>letters</b>
tasks:
  - id: each
    for_each: [0, 1, 2, 3]
    method: python/execute
    parameters:
      code: |
        import os, time
        while ${item} > 1 and not os.path.exists(%q): time.sleep(0.05)
        result = ${item}
  - id: review
    method: human/approve
    dependencies: [each]
    parameters: {message: "Send it?"}
`, gate)))
	b.sees("Slow </script><b>letters</b>", "running", "2 of 5", "each: 2 of 4 items")
	b.isAccessible("start")
	must(t, os.WriteFile(gate, nil, 0o600))
	b.sees("review waits for an answer: gleitzeit approve")
	run := b.evaluate("document.querySelector('#runs .id').textContent")
	u.Gleitzeit(0, "approve", run, "review")
	b.sees("completed")
	if same := b.evaluate("window.before"); same != "the same page" {
		t.Errorf("the page was loaded again: %q", same)
	}
	b.screenshot("start-completed")

	report := s.base + b.evaluate("document.querySelector('#runs th a').getAttribute('href')")
	if status := b.visit(report); status != 200 {
		t.Errorf("the report has status %d", status)
	}
	b.sees("Slow </script><b>letters</b>", "completed", "4 of 4 items")
	b.isAccessible("report-live")
	b.follow(".kicker a")
	b.sees("Runs", "live")
	b.follow(".links a:last-child")
	b.sees("gleitzeit.run", "COMPLETED")

	if status := b.visit(s.base + "/runs/none/report"); status != 404 {
		t.Errorf("the report of no run has status %d", status)
	}
	b.sees(`there is no run "none"`)
	b.isAccessible("not-found")
}
