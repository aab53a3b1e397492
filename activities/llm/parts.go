package llm

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/gleitzeit/gleitzeit/activities/llm/document"
	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
)

// notes are what a model writes about the parts of files that are too long to be read at once. They are sent instead of the
// files: so no part is lost where the context cannot be raised.
type notes struct {
	exchange *exchange
	texts    []string
	tokens   int64 // Maximum of one note.
}

const (
	partHeading  = "This is part %d of a long document. Note what it says about this.\n\n"
	notesHeading = "These are notes about all parts of a long document, in their order.\n\n"

	smallestPart           = 32 // Bytes.
	shortNote, longestNote = 32, 512
)

// apply makes a request for a note: without tools, and not as JSON.
func (n *notes) apply(request *provider.Request) {
	request.Format, request.Structured, request.Tools, request.ToolChoice, request.Logprobs = nil, false, nil, "", false
	request.SetOption("num_predict", n.tokens)
}

// readInParts asks the model about each part of the files, or of the notes about them. If that does not help, the files are cut.
func (n *notes) readInParts(ctx context.Context, cause error) error {
	x, t := n.exchange, &n.exchange.truncation
	text := strings.TrimPrefix(t.Instead, notesHeading)
	if text == "" {
		text = document.Join(x.call.question.attached.Files)
	}
	tools, choice := x.request.Tools, x.request.ToolChoice
	defer func() {
		t.notes, x.prepared = nil, false
		x.request.Tools, x.request.ToolChoice = tools, choice
	}()
	size := n.partSize(cause, len(text))
	t.notes = n
	for rest := text; rest != ""; {
		if size < smallestPart {
			return n.giveUp()
		}
		x.call.progress(fmt.Sprintf("reading part %d of the files", len(n.texts)+1))
		part := document.FirstPart(rest, float64(size)/float64(len(rest)))
		t.Instead = fmt.Sprintf(partHeading, len(n.texts)+1) + part
		a, err := x.answerOnce(ctx)
		if provider.IsTooLong(err) {
			const step = 0.75
			size = int(float64(size) * step)
			continue
		}
		if err != nil {
			return err
		}
		n.texts, rest = append(n.texts, strings.TrimSpace(a.Text.String())), rest[len(part):]
	}
	all := strings.TrimSpace(strings.Join(n.texts, "\n\n"))
	if all == "" || len(all) >= len(text) {
		return n.giveUp()
	}
	t.Instead, t.parts = notesHeading+all, cmp.Or(t.parts, len(n.texts))
	return nil
}

// giveUp has the files cut.
func (n *notes) giveUp() error {
	t := &n.exchange.truncation
	t.Instead, t.noParts, t.parts = "", true, 0
	return nil
}

// partSize is the size of a part in bytes. It also limits the notes so that all of them fit.
func (n *notes) partSize(cause error, length int) int {
	x := n.exchange
	tokens, limit := provider.LengthOf(cause)
	limit = cmp.Or(limit, x.truncation.limit, int64(x.request.Option("num_ctx")), defaultContext)
	perToken := float64(bytesPerToken)
	if tokens > 0 {
		perToken = float64(x.request.Size()) / float64(tokens)
	}
	const margin = 0.9
	rest := x.request.Size() - int64(len(x.call.question.attached.Text(x.truncation.applied))) + int64(len(x.call.question.attached.Before)+len(partHeading))
	room := limit - min(longestNote, limit/4)
	size := int(float64(room)*perToken*margin) - int(rest)
	if size >= smallestPart {
		n.tokens = max(shortNote, min(longestNote, room/int64(length/size+2)))
	}
	return size
}
