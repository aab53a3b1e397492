package split

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Reader is a handler whose calls read documents.
type Reader interface {
	// Documents returns the documents that the call names.
	Documents(ctx context.Context, request protocol.Request) ([]Document, error)
	// SplitsTooLong reports whether the parameters say that a document which is too long is split.
	SplitsTooLong(request protocol.Request) bool
	// Chunk returns the call with a text, and the images of pages without text, in place of its documents. A prompt that is too long fails it with a protocol.TooLong.
	Chunk(request protocol.Request, text string, images []protocol.PageImage) protocol.Request
	// Combination returns the call that makes one answer of the answers about chunks; an empty prompt is a default.
	Combination(request protocol.Request, prompt, answers string) protocol.Request
	// Count returns how many tokens a text has, and whether that was counted; otherwise it is an estimate.
	Count(ctx context.Context, request protocol.Request, text string) (tokens float64, counted bool)
	// Room returns how many tokens of a document fit into a context beside the rest of the prompt and the answer. The limit of the
	// context is 0 if it is not known.
	Room(ctx context.Context, request protocol.Request, limit int64) float64
}

// Step is something that was done of a call: an answer about a chunk, or the list of chunks.
type Step struct {
	Value   value.Value
	Usage   protocol.Usage
	Warning string
}

// Steps records what was done of a call, for other attempts of it.
type Steps interface {
	// Find returns a step; nil if there is none.
	Find(ctx context.Context, name string) (*Step, error)
	// Put records a step, or replaces it. A crash after it loses nothing.
	Put(ctx context.Context, name string, step Step) error
}

// Call is a call whose document may be split.
type Call struct {
	protocol.Split
	Reader   Reader
	Request  protocol.Request
	Steps    Steps
	Progress protocol.Progress
	// Handle makes a call of the method, within its timeout.
	Handle func(ctx context.Context, request protocol.Request, progress protocol.Progress) (protocol.Result, error)
	// Method makes the call that combines the answers; nil if the model does, or nothing.
	Method func(ctx context.Context, answers value.Value) (protocol.Result, error)
}

// Run makes the call: at once if its documents fit, or else chunk by chunk. What it has recorded is not done again.
func (c *Call) Run(ctx context.Context) (protocol.Result, error) {
	documents, err := c.Reader.Documents(ctx, c.Request)
	if err != nil {
		return protocol.Result{}, err
	}
	if len(documents) == 0 {
		return protocol.Result{}, protocol.Errorf(protocol.InvalidParams, "there is no document to split").WithHint("name it in `file_path` or `files`")
	}
	r := &reading{Call: c}
	for _, of := range documents {
		r.texts = append(r.texts, newText(of))
		for _, text := range of.Warnings {
			r.warn(text)
		}
	}
	if whole, err := r.plan(ctx); whole != nil || err != nil {
		if whole == nil {
			whole = &protocol.Result{}
		}
		return *whole, err
	}
	for i := 0; i < len(r.chunks); i++ {
		split, err := r.read(ctx, i)
		if err != nil {
			return protocol.Result{Usage: r.usage}, err
		}
		if split {
			i--
		}
	}
	return r.result(ctx)
}

// reading is a call that reads its documents in chunks.
type reading struct {
	*Call
	texts        []*text
	chunks       []Chunk
	size         float64 // Tokens of a chunk.
	perToken     float64 // Tokens that the model has for one that is estimated.
	answers      []Step  // About the chunks, in their order.
	combinations []Step
	usage        protocol.Usage
	warnings     []string
}

// maxChunks is the largest number of chunks of a call.
const maxChunks = 10_000

// planned is what is recorded of the chunks: their borders depend on what a server has counted, which another process may not know.
type planned struct {
	Size     float64  `json:"size"`
	PerToken float64  `json:"per_token"`
	Chunks   []Chunk  `json:"chunks"`
	Warnings []string `json:"warnings,omitempty"`
}

const planStep = "plan"

// plan finds the chunks. It returns a result if the documents need not be split.
func (r *reading) plan(ctx context.Context) (whole *protocol.Result, err error) {
	step, err := r.Steps.Find(ctx, planStep)
	if err != nil {
		return nil, err
	}
	if step != nil {
		var p planned
		if err := json.Unmarshal(step.Value.JSON(), &p); err != nil {
			return nil, protocol.Errorf(protocol.InternalError, "cannot read the recorded chunks: %v", err)
		}
		r.chunks, r.size, r.perToken, r.warnings = p.Chunks, p.Size, p.PerToken, p.Warnings
		return nil, nil
	}
	r.calibrate(ctx)
	r.size = float64(r.Size)
	if r.size == 0 || r.tokensOfAll() <= r.size {
		result, err := r.askAtOnce(ctx)
		tooLong, is := errors.AsType[*protocol.TooLong](err)
		if !is {
			return &result, err
		}
		r.usage = r.usage.Add(result.Usage)
		r.calibrate(ctx) // The server may have said how long the prompt is.
		if r.size, err = r.room(ctx, tooLong); err != nil {
			return nil, err
		}
	}
	if r.By == protocol.SplitByPage && !slices.ContainsFunc(r.texts, (*text).hasParts) {
		r.warn(r.names() + " has no pages: it was split at headings and paragraphs")
	}
	for i, t := range r.texts {
		r.chunks = append(r.chunks, t.split(Chunk{Document: i, End: len(t.all)}, r.options(r.size))...)
	}
	if len(r.chunks) > maxChunks {
		return nil, protocol.Errorf(protocol.InvalidParams, "%s would be split into %d chunks, and the limit is %d", r.names(), len(r.chunks), maxChunks).
			WithHint("raise `size` of `split`")
	}
	return nil, r.record(ctx)
}

// record records the chunks.
func (r *reading) record(ctx context.Context) error {
	data, err := json.Marshal(planned{r.size, r.perToken, r.chunks, r.warnings})
	if err != nil {
		return err
	}
	v, err := value.Parse(data)
	if err != nil {
		return err
	}
	return r.Steps.Put(ctx, planStep, Step{Value: v})
}

// calibrate compares the estimate of the tokens of a part of the first document with what the server, or the handler, counts.
func (r *reading) calibrate(ctx context.Context) { r.calibrateWith(ctx, r.texts[0].all) }

func (r *reading) calibrateWith(ctx context.Context, sample string) {
	const most = 32 << 10
	if len(sample) > most {
		sample = strings.ToValidUTF8(sample[:most], "")
	}
	r.perToken = 1
	if estimated := Estimate(sample); estimated > 0 {
		tokens, _ := r.Reader.Count(ctx, r.Request, sample)
		r.perToken = tokens / estimated
	}
}

func (r *reading) tokens(text string) float64 { return Estimate(text) * r.perToken }

func (r *reading) tokensOfAll() (sum float64) {
	for _, t := range r.texts {
		sum += r.tokens(t.all)
	}
	return sum
}

func (r *reading) options(size float64) Options {
	return Options{Size: size, Overlap: min(float64(r.Overlap), size/2), By: r.By, Tokens: r.tokens}
}

// whole is the text of all documents.
func (r *reading) whole() string {
	if len(r.texts) == 1 {
		return r.texts[0].withoutEmptyParts()
	}
	all := make([]string, len(r.texts))
	for i, t := range r.texts {
		all[i] = "# " + t.title + separator + t.withoutEmptyParts()
	}
	return strings.Join(all, separator)
}

// askAtOnce makes the call about all of the documents: what it sends, and what its warnings say, is as without a split.
func (r *reading) askAtOnce(ctx context.Context) (protocol.Result, error) {
	whole := r.whole()
	if strings.TrimSpace(whole) == "" { // Images alone.
		return r.Handle(ctx, r.Request, r.Progress)
	}
	var images []protocol.PageImage
	for i, t := range r.texts {
		images = append(images, pageImages(i, t.shown)...)
	}
	result, err := r.Handle(ctx, r.Reader.Chunk(r.Request, whole, images), r.Progress)
	if err != nil || len(r.warnings) == 0 {
		return result, err
	}
	warnings := r.warnings
	if result.Warning != "" {
		warnings = append(slices.Clone(warnings), result.Warning)
	}
	result.Warning = strings.Join(warnings, "; ")
	result.Value = result.Value.With("warning", value.String(result.Warning))
	return result, nil
}

func pageImages(file int, shown []Image) (images []protocol.PageImage) {
	for _, image := range shown {
		images = append(images, protocol.PageImage{File: file, Page: image.Page})
	}
	return images
}

func (r *reading) names() string {
	names := make([]string, len(r.texts))
	for i, t := range r.texts {
		names[i] = fmt.Sprintf("%q", t.title)
	}
	return strings.Join(names, ", ")
}

// leastRoom is how many tokens of a document must fit into a context.
const leastRoom = 16

// room returns how many tokens of a document fit.
func (r *reading) room(ctx context.Context, tooLong *protocol.TooLong) (float64, error) {
	room := r.Reader.Room(ctx, r.Request, tooLong.Limit)
	if room < leastRoom {
		return 0, protocol.Errorf(protocol.InvalidParams, "the prompt and the answer leave no room in the model's context for a part of %s", r.names()).
			WithHint("shorten the prompt, lower `max_tokens`, or raise `num_ctx`")
	}
	return room, nil
}

// read gets the answer about a chunk. It reports whether the chunk was split again instead.
func (r *reading) read(ctx context.Context, i int) (split bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, context.Cause(ctx)
	}
	c := r.chunks[i]
	content := r.texts[c.Document].content(c, r.By)
	images := pageImages(c.Document, r.texts[c.Document].imagesOf(c))
	of := []string{content}
	if len(images) > 0 {
		of = append(of, fmt.Sprint(images))
	}
	name := stepName("chunk", of...)
	step, err := r.Steps.Find(ctx, name)
	if err != nil {
		return false, err
	}
	if step != nil {
		r.take(*step)
		return false, nil
	}
	if tokens, counted := r.Reader.Count(ctx, r.Request, r.own(c)); counted && tokens > r.size {
		if r.again(c, i, r.size/tokens) {
			return true, r.record(ctx)
		}
	}
	if i > 0 && r.Request.Write != nil {
		r.Request.Write("\n\n")
	}
	at := fmt.Sprintf("chunk %d of %d", i+1, len(r.chunks))
	made, err := r.ask(ctx, name, at, r.Reader.Chunk(r.Request, content, images))
	if tooLong, is := errors.AsType[*protocol.TooLong](err); is {
		room, failure := r.room(ctx, tooLong)
		if failure != nil {
			return false, failure
		}
		share := halved
		if tooLong.Tokens > 0 {
			share = room / float64(tooLong.Tokens)
		}
		if r.again(c, i, share) {
			return true, r.record(ctx)
		}
	}
	if err != nil {
		failure := *protocol.AsError(err, protocol.TaskExecutionFailed)
		failure.Message = r.label(c) + ": " + failure.Message
		return false, &failure
	}
	r.take(*made)
	return false, nil
}

// ask makes a call, and records its result.
func (r *reading) ask(ctx context.Context, name, at string, request protocol.Request) (*Step, error) {
	r.Progress(at)
	result, err := r.Handle(ctx, request, func(message string) { r.Progress(at + ": " + message) })
	if err != nil {
		r.usage = r.usage.Add(result.Usage)
		return nil, err
	}
	step := Step{Value: result.Value, Usage: result.Usage, Warning: result.Warning}
	return &step, r.Steps.Put(ctx, name, step)
}

func (r *reading) take(step Step) {
	r.answers, r.usage = append(r.answers, step), r.usage.Add(step.Usage)
}

const (
	// halved is the share of a chunk that a smaller one has if nobody says how long the chunk is.
	halved = 0.5
	// closest is the largest share, and shareMargin its margin.
	closest, shareMargin = 0.75, 0.95
)

// again splits a chunk into smaller ones that have a share of its tokens. It reports false if it cannot be split.
func (r *reading) again(c Chunk, i int, share float64) bool {
	t := r.texts[c.Document]
	size := r.tokens(r.own(c)) * min(share*shareMargin, closest)
	if size < 1 {
		return false
	}
	smaller := t.split(c, r.options(size))
	if len(smaller) == 1 {
		c.From = c.Start // Without the overlap.
		if smaller = t.split(c, r.options(size)); len(smaller) == 1 && smaller[0] == r.chunks[i] {
			return false
		}
	}
	if len(r.chunks)+len(smaller) > maxChunks {
		return false
	}
	r.chunks = slices.Replace(r.chunks, i, i+1, smaller...)
	return true
}

// own is the text of a chunk, with its overlap.
func (r *reading) own(c Chunk) string {
	t := r.texts[c.Document]
	from, to := t.contentOf(c)
	return t.all[from:to]
}

// label names a chunk: "pages 3–5 of report.pdf".
func (r *reading) label(c Chunk) string {
	t := r.texts[c.Document]
	return t.placeOf(c, r.By) + " of " + t.title
}

func (r *reading) warn(text string) {
	if !slices.Contains(r.warnings, text) {
		r.warnings = append(r.warnings, text)
	}
}

// stepName names a step by all that it depends on beside the call.
func stepName(kind string, texts ...string) string {
	sum := sha256.New()
	for _, text := range texts {
		fmt.Fprintf(sum, "%d\n%s\n", len(text), text)
	}
	return kind + "-" + hex.EncodeToString(sum.Sum(nil)[:16])
}
