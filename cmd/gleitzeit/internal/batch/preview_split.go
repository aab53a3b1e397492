package batch

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Split is how long documents of a batch would be read.
type Split struct {
	Size      int    `json:"size"` // Tokens of a chunk; 0: what fits into the context of the model, if the document does not.
	Overlap   int    `json:"overlap"`
	By        string `json:"by"`
	Combine   string `json:"combine"`   // "prompt" and "default", which the model answers; a method; empty: the answers follow each other.
	Documents int    `json:"documents"` // Estimated number of those that are split,
	Chunks    int    `json:"chunks"`    // and of their chunks: a server may count other tokens. With Size 0 none is known.
}

// split returns how the task splits documents; nil if it reads them at once.
func (s *Scan) split() *Split {
	how := s.task().Split
	if how == nil {
		if onTruncation, _ := s.task().Parameters.Get("on_truncation"); onTruncation.Text() != autoSplitOnTruncation {
			return nil
		}
		how = &protocol.Split{}
	}
	split := &Split{Size: how.Size, Overlap: how.Overlap, By: string(cmp.Or(how.By, protocol.SplitByParagraph))}
	switch combine := how.Combine; {
	case combine == nil:
	case combine.Method != "":
		split.Combine = combine.Method
	case combine.Prompt != "":
		split.Combine = "prompt"
	default:
		split.Combine = "default"
	}
	return split
}

// autoSplitOnTruncation is the on_truncation that splits what does not fit.
const autoSplitOnTruncation = "split"

// bound says what the number of calls is: an estimate, or the least.
func (s *Split) bound() string {
	if s.Size == 0 {
		return "at least "
	}
	if s.Documents > 0 {
		return "about "
	}
	return ""
}

// String returns the line about the split for people.
func (s *Split) String() string {
	var text strings.Builder
	switch {
	case s.Size == 0:
		text.WriteString("split: documents that do not fit into the context of the model, in as many chunks as the server finds")
	case s.Documents == 0:
		fmt.Fprintf(&text, "split: no document has more than %s", count(s.Size, "token"))
	default:
		fmt.Fprintf(&text, "split: %s in about %s of at most %s", count(s.Documents, "document"), count(s.Chunks, "chunk"), count(s.Size, "token"))
	}
	if s.Overlap > 0 {
		fmt.Fprintf(&text, ", overlap %d", s.Overlap)
	}
	fmt.Fprintf(&text, ", by %s", s.By)
	switch s.Combine {
	case "":
	case "prompt", "default":
		text.WriteString("; combine: at least one more call for each of them")
	default:
		fmt.Fprintf(&text, "; combine: %s, for each of them", s.Combine)
	}
	return text.String()
}

// cost is what a call would need.
type cost struct {
	tokens int64 // That a model reads, without those of combining.
	calls  int   // Of the method of the task.
	chunks int   // 0: the document is read at once.
}

// estimate is what the calls that were looked at cost.
type estimate struct {
	cost
	read, split int // How many there are, and how many of them split their document.
}

func (e *estimate) add(c cost) {
	e.read++
	e.tokens, e.calls, e.chunks = e.tokens+c.tokens, e.calls+max(c.calls, 1), e.chunks+c.chunks
	if c.chunks > 0 {
		e.split++
	}
}

// estimate extends what some of the calls cost to all of them.
func (p *Preview) estimate(of estimate) {
	tokens := of.tokens
	if all := p.Calls; of.read > 0 {
		extend := func(n, to int) int { return int(int64(n) * int64(to) / int64(of.read)) }
		tokens = tokens * int64(all) / int64(of.read)
		if p.Split != nil {
			p.Calls, p.Split.Documents, p.Split.Chunks = extend(of.calls, all), extend(of.split, p.items), extend(of.chunks, p.items)
		}
	}
	p.Tokens = &tokens
}

// ofChunks returns the call for a document that is read in chunks: what is asked about the first.
func (r RenderedPrompt) ofChunks(chunks []llm.Prompt, how *protocol.Split, err error) (RenderedPrompt, cost, error) {
	if err != nil {
		return r, cost{}, err
	}
	r.Chunks, r.System, r.Prompt = len(chunks), chunks[0].System, chunks[0].Text
	of := cost{calls: len(chunks), chunks: len(chunks)}
	for _, chunk := range chunks {
		of.tokens += chunk.Tokens
	}
	if how.Combine != nil && how.Combine.Method == "" && len(chunks) > 1 {
		of.calls++
	}
	return r, of, nil
}
