package export

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// stored is a Session of a store.
type stored struct{ store resultstore.Store }

func (stored) Resolve(_ context.Context, run string) (string, error) { return run, nil }
func (stored) Close()                                                {}
func (s stored) Store() resultstore.Store                            { return s.store }
func (s stored) Known(ctx context.Context, run string) (*view.Run, error) {
	return view.Read(ctx, s.store, run, "")
}

// runShow returns what `batch show` prints and says, to a terminal of a width, or with 0 to a pipe.
func runShow(t *testing.T, store resultstore.Store, width int, args ...string) (printed, said string) {
	t.Helper()
	var out bytes.Buffer
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.String("format", "text", "")
	p := Program{
		Open:      func(context.Context) (Session, error) { return stored{store}, nil },
		Mark:      func(Session, *view.Run) error { return nil },
		Temporal:  func(c *cobra.Command) *cobra.Command { return c },
		Arguments: func(int, ...string) cobra.PositionalArgs { return cobra.ArbitraryArgs },
		Format:    flags.Lookup("format").Value,
		Say:       func(text string) { said += text + "\n" },
		Print:     func(any) bool { return false },
		Out:       &out,
		Width:     func() int { return width },
	}
	command := p.showCommand()
	command.SetArgs(args)
	if err := command.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	return out.String(), said
}

// Files of one name in several folders are told apart, a line about one is broken between words, and warnings are grouped as failures are.
func TestShowNamesFilesAndListsWarnings(t *testing.T) {
	s := &source{folder: "/home/you/a very long name of a folder/documents"}
	for i, folder := range []string{"2024", "2025", "2026"} {
		path := fmt.Sprintf("%s/%s/report.pdf", s.folder, folder)
		s.add(t, value.String(path), "", func(r *resultstore.Record) {
			r.Status, r.Error = protocol.Failed, protocol.Errorf(protocol.InvalidParams, "file %q is not a complete PDF document: it has no table of its objects", path)
		})
		s.add(t, value.String(path+".txt"), `{"response":"x"}`, func(r *resultstore.Record) {
			if i > 0 {
				r.Warning = "the text of " + path + ".txt was cut"
			}
		})
	}
	store := memory.New()
	s.put(t, store, 4)
	printed, _ := runShow(t, store, 80, "r", "--failed")
	lines := strings.SplitAfter(printed, "\n")
	if want := "✗ batch[0]  2024/report.pdf  is not a complete PDF document: it has no table of\n  its objects\n"; !strings.Contains(printed, want) {
		t.Errorf("at 80 columns the lines are %q, want %q", lines, want)
	}
	for _, line := range lines {
		if len([]rune(line)) > 80 {
			t.Errorf("too long: %q", line)
		}
	}
	if printed, _ = runShow(t, store, 0, "r", "--failed"); !strings.Contains(printed, "\n✗ 2025/report.pdf  file \"2025/report.pdf\" is not a complete PDF document: it has") {
		t.Errorf("a pipe has %q", printed)
	}
	printed, said := runShow(t, store, 0, "r", "batch")
	for _, want := range []string{
		"\n3 × file \"…\" is not a complete PDF document: it has no table of its objects, for example 2024/report.pdf\n",
		"\n! 2 files with a warning\n  2 × the text of … was cut, for example 2025/report.pdf.txt\n",
	} {
		if !strings.Contains(printed, want) {
			t.Errorf("%q has no %q", printed, want)
		}
	}
	if want := "`gleitzeit batch export r batch --format csv --only completed --fields item,warning` has the warning of each\n"; !strings.HasSuffix(said, want) || !strings.Contains(said, "`gleitzeit batch show r batch --failed` lists") {
		t.Errorf("said %q", said)
	}
}
