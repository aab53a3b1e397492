package llm

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/gleitzeit/gleitzeit/activities/llm/document"
	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/activities/split"
	"github.com/gleitzeit/gleitzeit/internal/documents/reader"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Documents implements split.Reader: the files of a call.
func (h *Handler) Documents(ctx context.Context, request protocol.Request) ([]split.Document, error) {
	return readDocuments(ctx, request, h.options.Documents)
}

func readDocuments(ctx context.Context, request protocol.Request, documents *reader.Reader) ([]split.Document, error) {
	attached, err := (&files{request: request, reader: documents, withoutImages: true}).read(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]split.Document, len(attached.texts))
	for i, file := range attached.texts {
		all[i].Title = cmp.Or(file.Name, filepath.Base(file.Path))
		if i == 0 {
			all[i].Warnings = attached.warnings // Those of all files: each begins with its name.
		}
		for _, part := range attached.parts[i] {
			all[i].Parts = append(all[i].Parts, split.Part(part))
		}
		all[i].Images = attached.shown[i]
	}
	return all, nil
}

// SplitsTooLong implements split.Reader.
func (h *Handler) SplitsTooLong(request protocol.Request) bool {
	return text(request.Parameters, "on_truncation") == "split"
}

// Chunk implements split.Reader: the call with a text and images instead of its files.
func (h *Handler) Chunk(request protocol.Request, text string, images []protocol.PageImage) protocol.Request {
	request.Document, request.Images = text, images
	return request
}

// ReadChunks returns what a call whose document is split would ask about its chunks; nil if, as far as is known, it is read at once. It asks
// nothing.
func ReadChunks(ctx context.Context, request protocol.Request, how protocol.Split, documents *reader.Reader) ([]Prompt, error) {
	read, err := readDocuments(ctx, request, documents)
	if err != nil {
		return nil, err
	}
	var prompts []Prompt
	for _, text := range split.Estimated(read, how) {
		request.Document = text
		prompt, err := ReadPrompt(ctx, request, documents)
		if err != nil {
			return nil, err
		}
		prompts = append(prompts, prompt)
	}
	return prompts, nil
}

// ofDocument are the parameters that belong to the document and the question about it, and not to the model and how it answers.
var ofDocument = map[string]bool{
	"prompt": true, "messages": true, "file_path": true, "files": true, "image_path": true, "image_paths": true, "images": true,
	"tools": true, "tool_choice": true, "max_tool_rounds": true, "suffix": true,
}

// combinePrompt asks for one answer where the task has no prompt of its own for that.
const combinePrompt = `These are the answers to one question about consecutive parts of a long document, each under the place of its part. ` +
	`Combine them into one answer to the question about the whole document. Leave nothing out that belongs to it, and say nothing twice. The question was:

`

// Combination implements split.Reader: the same model is asked about the answers.
func (h *Handler) Combination(request protocol.Request, prompt, answers string) protocol.Request {
	if prompt == "" {
		prompt = combinePrompt + questionOf(request.Parameters)
	}
	var kept []value.Field
	for _, field := range request.Parameters.Fields() {
		if !ofDocument[field.Name] {
			kept = append(kept, field)
		}
	}
	request.Parameters = value.Object(append(kept, value.Field{Name: "prompt", Value: value.String(prompt)})...)
	switch request.Method {
	case Vision:
		request.Method = Chat
	case Reduce:
		request.Method = Chat
		if _, is := request.Parameters.Get("on_cut_answer"); !is { // What is missing in it would be missing in the end.
			request.Parameters = request.Parameters.With("on_cut_answer", value.String("fail"))
		}
	}
	request.Document = answers
	return request
}

// Count implements split.Reader.
func (h *Handler) Count(ctx context.Context, request protocol.Request, text string) (tokens float64, counted bool) {
	c, err := h.routed(request)
	if err != nil {
		return split.Estimate(text), false // The call itself fails with it.
	}
	defer c.finish()
	return countTokens(provider.WithSecrets(ctx, c.secrets), c, text)
}

func (h *Handler) routed(request protocol.Request) (*call, error) {
	c := &call{handler: h, request: request, model: modelsOf(request.Parameters)[0], secrets: h.secretsFor(request)}
	err := c.route()
	if err != nil {
		c.finish()
	}
	return c, err
}

const (
	// ofTemplate is how many tokens the template of a model and the heading of a chunk may add to a prompt.
	ofTemplate = 48
	// roomMargin is the part of the room that a chunk may take.
	roomMargin = 0.95
)

// Room implements split.Reader: the context without the rest of the prompt and the answer.
func (h *Handler) Room(ctx context.Context, request protocol.Request, limit int64) float64 {
	c, err := h.routed(request)
	if err != nil {
		return 0
	}
	defer c.finish()
	ctx = provider.WithObserver(provider.WithSecrets(ctx, c.secrets), provider.Observer{})
	x := &exchange{call: c}
	x.request.Model, x.request.Secrets = c.model, c.secrets
	if x.request.Options, err = readOptions(request.Parameters); err != nil {
		return 0
	}
	for _, m := range c.pool.Members {
		if limit == 0 && !c.excluded[m] {
			limit = x.reportedContext(ctx, m)
		}
	}
	limit = cmp.Or(limit, int64(x.request.Option("num_ctx")), defaultContext)
	request.Document = "-" // The files are not needed.
	listed, _ := request.Parameters.Get("messages")
	messages, _, err := readMessages(request, preparedImages{messages: make([][][]byte, len(listed.Elements()))}, instead(request))
	if err != nil {
		return 0
	}
	prompt := float64(ofTemplate)
	for _, m := range messages {
		tokens, _ := countTokens(ctx, c, m.Text)
		prompt += tokens
	}
	answer := min(x.answerTokens(), limit/2)
	if x.request.Option("num_predict") <= 0 {
		answer = min(usualAnswer, limit/4)
	}
	return (float64(limit-answer) - prompt) * roomMargin
}

// questionOf is what a call asks about its document.
func questionOf(given value.Value) string {
	if prompt, is := given.Get("prompt"); is {
		return prompt.Text()
	}
	listed, _ := given.Get("messages")
	question := ""
	for _, message := range listed.Elements() {
		if text(message, "role") == "user" {
			question = text(message, "content")
		}
	}
	return question
}

// countTokens returns the tokens of a text: as one of the servers of a call counts them, or as an estimate.
func countTokens(ctx context.Context, c *call, text string) (tokens float64, counted bool) {
	for _, m := range c.pool.Members {
		counter, is := m.Client.(provider.TokenCounter)
		if !is || c.excluded[m] {
			continue
		}
		request := &provider.Request{Model: c.model, Secrets: c.secrets}
		if n, known := counter.CountTokens(provider.WithObserver(ctx, provider.Observer{}), request, text); known {
			return float64(n), true
		}
	}
	return split.Estimate(text) * c.handler.ratios.Of(ratioKey(c)), false
}

func ratioKey(c *call) string { return c.backend.Name + " " + provider.WithTag(c.model) }

// observeTokens notes how many tokens a server has counted of the prompt of a request.
func observeTokens(c *call, request *provider.Request, tokens int64) {
	estimated := 0.0
	for _, m := range request.Messages {
		if len(m.Images) > 0 {
			return
		}
		estimated += split.Estimate(m.Text)
	}
	c.handler.ratios.Observe(ratioKey(c), estimated, tokens)
}

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
