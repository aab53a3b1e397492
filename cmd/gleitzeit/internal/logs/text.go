package logs

import (
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// printer writes events: as text, as one JSON document, or as JSON lines.
type printer struct {
	out    io.Writer
	format string
	run    string
	width  int // Of the terminal in columns; 0: it is none.

	day   string // Of the event before.
	count int
}

// The formats.
const (
	asText  = "text"
	asJSON  = "json"
	asJSONL = "jsonl"
)

// print writes an event. Errors of writing are noticed by the writer.
func (p *printer) print(event *Event) error {
	p.count++
	switch p.format {
	case asText:
		_, err := io.WriteString(p.out, p.text(event))
		return err
	case asJSON:
		head := ",\n    "
		if p.count == 1 {
			head = p.head()
		}
		if _, err := io.WriteString(p.out, head); err != nil {
			return err
		}
		return p.document(event)
	}
	if err := p.document(event); err != nil {
		return err
	}
	_, err := io.WriteString(p.out, "\n")
	return err
}

func (p *printer) head() string {
	return fmt.Sprintf("{\n  \"run\": %s,\n  \"events\": [\n    ", value.String(p.run).JSON())
}

// document writes an event as JSON on one line.
func (p *printer) document(event *Event) error {
	var line strings.Builder
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(event); err != nil {
		return err
	}
	_, err := io.WriteString(p.out, strings.TrimSuffix(line.String(), "\n"))
	return err
}

// end writes the end of the document.
func (p *printer) end() error {
	if p.format != asJSON {
		return nil
	}
	text := "\n  ]\n}\n"
	if p.count == 0 {
		text = fmt.Sprintf("{\n  \"run\": %s,\n  \"events\": []\n}\n", value.String(p.run).JSON())
	}
	_, err := io.WriteString(p.out, text)
	return err
}

// text returns an event as people read it: a line, and below it the texts.
func (p *printer) text(event *Event) string {
	const clock, date = "15:04:05.000", "2006-01-02"
	var text strings.Builder
	at := event.At.Local()
	if day := at.Format(date); day != p.day {
		p.day = day
		text.WriteString(day + "\n")
	}
	head := at.Format(clock) + "  " + value.Visible(event.Task)
	if event.Item != nil {
		head += fmt.Sprintf("[%d]", *event.Item)
	}
	what, below := describe(event)
	if event.Kind == started && event.Name != "" {
		head += " " + event.Name
	}
	line := head + "  " + what
	if len(below) == 1 && oneLine(below[0].text) && below[0].title == "" {
		line += ": " + value.Visible(strings.TrimRight(below[0].text, "\r\n"))
		below = nil
	}
	p.write(&text, line, "")
	for _, part := range below {
		indent := "  | "
		if part.title != "" {
			p.write(&text, "  "+part.title+":", "  ")
			indent = "    | "
		}
		for row := range strings.SplitSeq(strings.TrimRight(part.text, "\n"), "\n") {
			for _, row := range p.rows(indent, value.VisibleLines(lastWritten(row))) {
				text.WriteString(strings.TrimRight(row, " ") + "\n")
			}
		}
	}
	return text.String()
}

// write writes a line, broken between words where the terminal is narrow.
func (p *printer) write(to *strings.Builder, line, indent string) {
	if p.width > 0 {
		line = strings.ReplaceAll(view.Wrap(line, p.width), "\n", "\n"+indent)
	}
	to.WriteString(line + "\n")
}

// rows returns a line of a text below an event: on a terminal broken between words, each row behind the mark.
func (p *printer) rows(mark, line string) []string {
	if p.width == 0 {
		return []string{mark + line}
	}
	return view.Rows(mark, line, mark, p.width)
}

// section is a text below the line of an event.
type section struct{ title, text string }

// longestLine is the length of the longest text that stands on the line of an event.
const longestLine = 200

// longestResult is the size in bytes of a result, as JSON, of which no part is left out in text.
const longestResult = 4 << 10

func oneLine(text string) bool {
	text = strings.TrimRight(text, "\r\n")
	return !strings.ContainsAny(text, "\r\n") && len(text) <= longestLine
}

// lastWritten returns what a terminal shows of a line that was written several times, as progress bars do.
func lastWritten(line string) string {
	line = strings.TrimRight(line, "\r")
	return line[strings.LastIndexByte(line, '\r')+1:]
}

// describe returns what an event is, and the texts below.
func describe(event *Event) (string, []section) {
	switch event.Kind {
	case started:
		return describeStart(event), nil
	case sent:
		return describeSent(event.Sent, event.tried)
	case output:
		return event.Stream, []section{{"", strings.TrimRight(event.Text, "\r\n")}}
	case asked:
		return "asked", []section{{"", event.Text}}
	}
	return describeEnd(event)
}

func describeStart(event *Event) string {
	text := "started"
	switch {
	case event.Cached:
		text = "took over a result"
	case event.Round > 0:
		text = fmt.Sprintf("round %d started", event.Round)
	case event.Attempt > 1:
		text = fmt.Sprintf("attempt %d started", event.Attempt)
	}
	if event.Method != "" {
		text += "  " + event.Method
	}
	return text
}

func describeSent(request *protocol.Sent, tried bool) (string, []section) {
	text := "sent"
	if tried {
		text = "tried to send"
	}
	if request.Model != "" {
		text += " to " + value.Visible(request.Model)
	}
	if request.Tool != "" {
		text += " to the tool " + value.Visible(request.Tool)
	}
	if request.Server != "" {
		text += " at " + value.Visible(request.Server)
	}
	switch {
	case request.Again > 0 && len(request.Messages) == 0:
		return text + " again", nil
	case request.Again > 0:
		word := "messages"
		if request.Again == 1 {
			word = "message"
		}
		text += fmt.Sprintf(", after %d earlier %s", request.Again, word)
	}
	var below []section
	for _, message := range request.Messages {
		title, said := view.SentText(&message)
		below = append(below, section{value.Visible(title), said})
	}
	return text, below
}

func describeEnd(event *Event) (string, []section) {
	text := event.Kind
	if event.Attempt > 1 {
		text = fmt.Sprintf("attempt %d %s", event.Attempt, event.Kind)
	}
	if event.Round > 0 {
		text = fmt.Sprintf("round %d %s", event.Round, event.Kind)
	}
	if event.Duration != nil && !event.Cached {
		text += " in " + view.Duration(*event.Duration)
	}
	if u := event.Usage; u != nil && (u.PromptTokens > 0 || u.TokensUsed > 0) {
		text += fmt.Sprintf(", %d tokens read, %d written", u.PromptTokens, u.TokensUsed)
	}
	if event.Cached {
		text += " (cached)"
	}
	if event.Unsent > 0 {
		text += fmt.Sprintf(", %d more requests are not recorded", event.Unsent)
	}
	if event.Reason != "" {
		text += ": " + value.Visible(event.Reason)
	}
	var below []section
	if e := event.Error; e != nil {
		said := e.Message
		if e.Hint != "" {
			said += "\n" + e.Hint
		}
		below = append(below, section{e.Name, said})
	}
	if event.Warning != "" {
		below = append(below, section{"warning", event.Warning})
	}
	result := ""
	switch {
	case event.Text != "":
		result = event.Text
	case event.Result != nil && !event.Result.IsNull():
		if result = string(event.Result.JSON()); len(result) > longestResult {
			result = strings.ToValidUTF8(result[:longestResult], "") + "…"
		}
	case event.Size > largestResult:
		result = fmt.Sprintf("a result of %d bytes: `gleitzeit results` prints it", event.Size)
	}
	if result != "" {
		title := ""
		if len(below) > 0 {
			title = "result"
		}
		below = append(below, section{title, result})
	}
	return text, below
}

// baseName returns the name of a file without its folders.
func baseName(file string) string { return path.Base(file) }
