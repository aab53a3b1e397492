package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/progress"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// forPrograms reports whether the output is JSON.
func (p *program) forPrograms() bool { return p.output == asJSON || p.output == asJSONL }

func (o *output) String() string { return string(*o) }

func (o *output) Type() string { return "format" }

// Words are for completion.
func (*output) Words() []string { return []string{string(asText), string(asJSON), string(asJSONL)} }

func (o *output) Set(text string) error {
	switch output(text) {
	case asText, asJSON, asJSONL:
		*o = output(text)
		return nil
	}
	return errors.New("must be text, json or jsonl")
}

// jsonLines is standard error that is not a terminal. With JSON lines, each line of text becomes a notice in it.
type jsonLines struct {
	to     io.Writer
	active func() bool

	mu   sync.Mutex
	text []byte // A line that has not ended.
}

// Write implements io.Writer.
func (j *jsonLines) Write(text []byte) (int, error) {
	if !j.active() {
		return j.to.Write(text)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.text = append(j.text, text...)
	end := bytes.LastIndexByte(j.text, '\n') + 1
	lines := string(j.text[:end])
	j.text = append(j.text[:0], j.text[end:]...)
	return len(text), j.notices(lines)
}

// notices writes lines of text. The caller holds mu.
func (j *jsonLines) notices(text string) error {
	encoder := json.NewEncoder(j.to)
	encoder.SetEscapeHTML(false)
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			continue
		}
		if err := encoder.Encode(runs.Notice{Kind: runs.Text, Message: line}); err != nil {
			return err
		}
	}
	return nil
}

// end writes a line that has not ended.
func (j *jsonLines) end() {
	j.mu.Lock()
	defer j.mu.Unlock()
	_ = j.notices(string(j.text)) // What cannot be written is noticed by checked.
	j.text = nil
}

// jsonDocuments is the same stream for what is JSON.
type jsonDocuments struct{ *jsonLines }

// Write implements io.Writer, for one document.
func (d jsonDocuments) Write(line []byte) (int, error) {
	d.end()
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.to.Write(line)
}

// width returns the width in columns of the terminal that standard output is; 0 if it is none.
func (p *program) width() int { return progress.Width(p.written.to) }

// say prints a line for people; programs read standard output.
func (p *program) say(format string, args ...any) {
	fmt.Fprint(p.Err, p.screen.Fit(fmt.Sprintf(format+"\n", args...)))
}

// writeJSON prints a document: indented for people who look at it, on one line as jsonl.
func (p *program) writeJSON(to io.Writer, document any) {
	if to == p.Err && p.lines.active() {
		to = jsonDocuments{p.lines}
	}
	encoder := json.NewEncoder(to)
	encoder.SetEscapeHTML(false)
	if p.output != asJSONL {
		encoder.SetIndent("", "  ")
	}
	// What cannot be written is noticed at the end, by checked; what cannot be encoded is our own error.
	if err := encoder.Encode(document); err != nil && p.written.err() == nil {
		p.say("gleitzeit: cannot write a document: %v", err)
	}
}

// writeLine prints a document of a process that keeps running, on one line, whatever the format: nothing follows it, and
// who starts a server reads it line by line.
func (p *program) writeLine(document any) error {
	line, err := json.Marshal(document)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.Out, "%s\n", line)
	return nil
}

// printRun prints a run with its results. With jsonl, tasks whose line was printed as they ended are left out.
func (p *program) printRun(document *view.Run, shown *progress.Printer) {
	switch p.output {
	case asJSON:
		view.WriteRun(p.Out, document, p.writeJSON)
	case asJSONL:
		for _, task := range document.Tasks {
			if shown == nil || !shown.Printed(task.ID) {
				view.WriteTask(p.Out, &task, p.writeJSON)
			}
		}
		alone := *document
		alone.Tasks = nil
		view.WriteRun(p.Out, &alone, p.writeJSON)
	default:
		_ = document.WriteResults(p.Out, p.width()) // What cannot be written is noticed at the end, by checked.
	}
}

// printResult prints the result of one task: the text where text is wanted, else all of it.
func (p *program) printResult(text string, result value.Value) {
	if p.output == asText {
		_ = view.WriteText(p.Out, text) // What cannot be written is noticed at the end, by checked.
		return
	}
	view.WriteValue(p.Out, result, p.writeJSON)
}

// notes prints what deserves attention in a workflow and is no problem.
func (p *program) notes(diagnostics []definition.Diagnostic) {
	for _, note := range diagnostics {
		p.say("%s", note)
	}
}

// refuse prints every mistake in a workflow, and in its inputs, and ends the command.
func (p *program) refuse(file string, diagnostics []definition.Diagnostic) error {
	found := byFile(file, diagnostics)
	if p.output == asJSON {
		p.writeJSON(p.Out, validation{found})
	} else {
		p.show(found)
	}
	return exitError{exitInvalid}
}

// show prints what was found: a line for each mistake to people, one for each file to programs.
func (p *program) show(found []validated) {
	for _, in := range found {
		if p.forPrograms() {
			p.writeJSON(p.Out, in)
			continue
		}
		for _, d := range in.Diagnostics {
			p.say("%s", d)
		}
	}
}
