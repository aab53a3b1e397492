package documents

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding/htmlindex"
)

// htmlReader writes a page as a person reads it, tag by tag: no tree is built, so that neither depth nor repair costs anything.
type htmlReader struct {
	m        *markdown
	d        *Document
	images   bool
	page     bool // It is a page of a site, of which the main text counts.
	ignored  atom.Atom
	nested   int // Elements of that name within it.
	lists    []htmlList
	quotes   int
	pre      *strings.Builder
	hasMain  bool
	finished bool
	headings []string                  // In order, for the names of chapters.
	picture  func(source string) error // Takes an image of a book; nil where images are elsewhere.
	err      error
}

type htmlList struct {
	ordered bool
	kind    string // Of numbers: "1", "a", "A", "i" or "I".
	next    int
}

func readHTML(ctx context.Context, _ string, data []byte, o Options) (Document, error) {
	c := newCost(ctx, o, len(data))
	text, err := decodeHTML(data, o.Encoding)
	if err != nil {
		return Document{}, err
	}
	var d Document
	r := &htmlReader{m: newMarkdown(c), d: &d, images: o.Images, page: true}
	out, err := r.read(text)
	if r.hasMain && strings.TrimSpace(out) == "" && err == nil {
		d = Document{}
		r = &htmlReader{m: newMarkdown(c), d: &d, images: o.Images}
		out, err = r.read(text)
	}
	d.Parts = []Part{{Text: out}}
	return d, err
}

// decodeHTML returns a page in UTF-8. What it says of its encoding is within it, or in the settings.
func decodeHTML(data []byte, encoding string) ([]byte, error) {
	contentType := ""
	if encoding != "" {
		if _, err := htmlindex.Get(encoding); err != nil {
			return nil, unknownEncoding(encoding)
		}
		contentType = "text/html; charset=" + encoding
	}
	from, name, _ := charset.DetermineEncoding(data, contentType)
	if name == "utf-8" {
		return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), nil
	}
	return from.NewDecoder().Bytes(data)
}

const (
	// memoryOfHTML is how many bytes the reading of one byte of a page takes, at most.
	memoryOfHTML = 7
	// maxTags is the maximum number of tags of a document, which are what reading takes its time for.
	maxTags = 4_000_000
	// maxHTMLPiece is the maximum size of a tag, or of a text between two tags, in bytes.
	maxHTMLPiece = 20 << 20

	splitFile = "split the file into smaller ones"
)

// spendPage counts a page before it is read.
func (c *cost) spendPage(page []byte) error {
	if most := c.limits.Memory / memoryOfHTML; int64(len(page)) > most {
		c.Fail(&Problem{Text: fmt.Sprintf("is an HTML page of %s, and the limit is %s", humanize.IBytes(uint64(len(page))), humanize.IBytes(uint64(max(most, 0)))), Hint: splitFile})
	}
	if c.tags += bytes.Count(page, []byte("<")); c.tags > maxTags {
		c.Fail(&Problem{Text: fmt.Sprintf("has more than %s tags", humanize.Comma(maxTags)), Hint: splitFile})
	}
	return c.Err
}

// read returns the text of a page.
func (r *htmlReader) read(page []byte) (string, error) {
	if err := r.m.cost.spendPage(page); err != nil {
		return "", err
	}
	z := html.NewTokenizer(bytes.NewReader(page))
	z.SetMaxBuf(maxHTMLPiece)
	for !r.finished {
		if err := r.m.cost.Check(); err != nil {
			return "", err
		}
		switch z.Next() {
		case html.ErrorToken:
			switch err := z.Err(); {
			case errors.Is(err, html.ErrBufferExceeded):
				return "", &Problem{Text: fmt.Sprintf("has a piece of more than %s in its HTML", humanize.IBytes(maxHTMLPiece)), Hint: splitFile}
			case !errors.Is(err, io.EOF):
				return "", damaged("an HTML page", "its tags cannot be read")
			}
			r.finished = true
		case html.TextToken:
			if r.ignored == 0 {
				r.text(z.Text())
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			name, hasAttributes := z.TagName()
			tag := atom.Lookup(name)
			if r.ignored != 0 {
				if tag == r.ignored {
					r.nested++
				}
				continue
			}
			var attributes map[string]string
			if hasAttributes {
				attributes = map[string]string{}
			}
			for more := hasAttributes; more && len(attributes) < 100; {
				var key, value []byte
				key, value, more = z.TagAttr()
				attributes[string(key)] = string(value)
			}
			if tag == atom.Title {
				r.title(z)
				continue
			}
			r.start(tag, attributes)
		case html.EndTagToken:
			name, _ := z.TagName()
			r.endTag(atom.Lookup(name))
		}
	}
	if r.pre != nil {
		r.m.verbatim(r.pre.String())
	}
	text := r.m.String()
	if r.err == nil {
		r.err = r.m.cost.Err
	}
	return text, r.err
}

// title takes the text of the first title. Later ones are those of drawings.
func (r *htmlReader) title(z *html.Tokenizer) {
	if z.Next() == html.TextToken && r.d.Title == "" {
		r.d.Title = strings.Join(strings.Fields(string(z.Text())), " ")
	}
}

func (r *htmlReader) text(text []byte) {
	if r.pre != nil {
		r.pre.Write(text)
		return
	}
	words := strings.ReplaceAll(strings.ReplaceAll(string(text), "\u00a0", " "), "\u00ad", "")
	line := r.m.line
	r.m.write(singleBlanks(words, len(line) == 0 || line[len(line)-1] == ' ' || line[len(line)-1] == '\n'))
}

// unseen are the elements whose content nobody reads.
var unseen = map[atom.Atom]bool{
	atom.Script: true, atom.Style: true, atom.Template: true, atom.Noscript: true, atom.Iframe: true, atom.Object: true, atom.Svg: true,
	atom.Datalist: true, atom.Audio: true, atom.Video: true, atom.Canvas: true, atom.Noframes: true, atom.Noembed: true, atom.Rt: true, atom.Rp: true, atom.Annotation: true, atom.AnnotationXml: true,
}

// blocks are the elements that begin and end a block of text.
var blocks = map[atom.Atom]bool{
	atom.P: true, atom.Div: true, atom.Section: true, atom.Article: true, atom.Header: true, atom.Footer: true, atom.Main: true, atom.Aside: true,
	atom.Figure: true, atom.Figcaption: true, atom.Address: true, atom.Dl: true, atom.Dt: true, atom.Dd: true, atom.Fieldset: true, atom.Form: true,
	atom.Center: true, atom.Details: true, atom.Summary: true, atom.Hr: true, atom.Legend: true, atom.Caption: true, atom.Body: true, atom.Nav: true,
	atom.Blockquote: true, atom.Ul: true, atom.Ol: true, atom.Menu: true, atom.Option: true, atom.Hgroup: true, atom.Dialog: true,
}

// void are the elements that have no content, and no end.
var void = map[atom.Atom]bool{
	atom.Area: true, atom.Base: true, atom.Br: true, atom.Col: true, atom.Embed: true, atom.Hr: true, atom.Img: true, atom.Input: true,
	atom.Link: true, atom.Meta: true, atom.Source: true, atom.Track: true, atom.Wbr: true, atom.Html: true, atom.Body: true,
}

func (r *htmlReader) start(tag atom.Atom, attributes map[string]string) {
	_, isHidden := attributes["hidden"]
	style := strings.ReplaceAll(strings.ToLower(attributes["style"]), " ", "")
	isHidden = isHidden || strings.Contains(style, "display:none") || strings.Contains(style, "visibility:hidden")
	if !void[tag] && (unseen[tag] || isHidden && tag != 0 || tag == atom.Nav && r.page) {
		r.ignored, r.nested = tag, 1
		return
	}
	m := r.m
	switch tag {
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		m.begin(strings.Repeat("#", int(tag.String()[1]-'0')) + " ")
	case atom.Br:
		if r.pre != nil {
			r.pre.WriteByte('\n')
		} else {
			m.lineBreak()
		}
	case atom.Pre:
		m.end()
		r.pre = &strings.Builder{}
	case atom.A:
		m.raised = m.raised || attributes["epub:type"] == "noteref" || attributes["role"] == "doc-noteref"
		m.openLink(attributes["href"])
	case atom.Img:
		r.image(attributes)
	case atom.Table:
		m.openTable()
	case atom.Tr:
		m.openRow()
	case atom.Td, atom.Th:
		m.openCell()
		if t := m.table(); t != nil {
			t.span, t.height = spanOf(attributes["colspan"]), spanOf(attributes["rowspan"])
		}
	case atom.Li:
		m.begin(r.item())
	case atom.Meta:
		if name := strings.ToLower(attributes["name"]); (name == "author" || name == "description" || name == "keywords") && attributes["content"] != "" {
			r.d.Metadata = append(r.d.Metadata, Property{name, attributes["content"]})
		}
	case atom.Q:
		m.write("\"")
	case atom.Sup:
		m.raised = true
	case atom.Input:
		if strings.EqualFold(attributes["type"], "checkbox") {
			box := "☐ "
			if _, checked := attributes["checked"]; checked {
				box = "☒ "
			}
			m.write(box)
		}
	case atom.Main:
		if r.page && !r.hasMain {
			r.hasMain = true
			*m = *newMarkdown(m.cost)
			r.lists = nil
		}
	default:
		r.beginBlock(tag, attributes)
	}
}

// beginBlock begins a block, and what its kind brings with it. The first block of an item stays the item.
func (r *htmlReader) beginBlock(tag atom.Atom, attributes map[string]string) {
	if !blocks[tag] {
		return
	}
	if len(bytes.TrimSpace(r.m.line)) > 0 || !strings.HasSuffix(r.m.prefix, " ") {
		r.m.begin("")
	}
	switch tag {
	case atom.Ul, atom.Menu:
		r.lists = append(r.lists, htmlList{})
	case atom.Ol:
		first, err := strconv.Atoi(attributes["start"])
		if err != nil {
			first = 1
		}
		r.lists = append(r.lists, htmlList{true, attributes["type"], first})
	case atom.Blockquote:
		r.quotes++
	}
	if r.quotes > 0 && r.m.prefix == "" {
		r.m.prefix = "> "
	}
}

// item returns what an item of the innermost list begins with.
func (r *htmlReader) item() string {
	if len(r.lists) == 0 {
		return "- "
	}
	list := &r.lists[len(r.lists)-1]
	indent := strings.Repeat("  ", min(len(r.lists), maxListDepth)-1)
	if !list.ordered {
		return indent + "- "
	}
	list.next++
	return indent + numeral(list.next-1, odfNumerals[list.kind]) + ". "
}

// spanOf returns how many cells are covered besides the first.
func spanOf(value string) int {
	if value == "" {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(value))
	if err != nil || n < 1 {
		return 0
	}
	const most = 1000 // As browsers have it.
	return min(n, most) - 1
}

func (r *htmlReader) endTag(tag atom.Atom) {
	if r.ignored != 0 {
		if tag == r.ignored {
			if r.nested--; r.nested == 0 {
				r.ignored = 0
			}
		}
		return
	}
	m := r.m
	switch tag {
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		if text := strings.Join(strings.Fields(string(m.line)), " "); text != "" {
			r.headings = append(r.headings, text)
		}
		m.end()
	case atom.A:
		m.closeLink()
	case atom.Sup:
		m.raised = false
	case atom.Pre:
		if r.pre != nil {
			m.verbatim(r.pre.String())
			r.pre = nil
		}
	case atom.Td, atom.Th:
		m.closeCell()
	case atom.Tr:
		m.closeRow()
	case atom.Table:
		m.closeTable()
	case atom.Li:
		m.end()
	case atom.Ul, atom.Ol, atom.Menu:
		m.end()
		if len(r.lists) > 0 {
			r.lists = r.lists[:len(r.lists)-1]
		}
	case atom.Q:
		m.write("\"")
	case atom.Blockquote:
		m.end()
		r.quotes = max(r.quotes-1, 0)
	case atom.Main:
		r.finished = r.page && r.hasMain
	default:
		if blocks[tag] {
			m.end()
		}
	}
}

// image writes what stands for an image, and takes one that is within the page.
func (r *htmlReader) image(attributes map[string]string) {
	if text := strings.Join(strings.Fields(attributes["alt"]), " "); text != "" {
		r.m.write("![" + text + "]")
	}
	if r.picture != nil && r.images && r.err == nil {
		r.err = r.picture(attributes["src"])
	}
	kind, encoded, is := strings.Cut(strings.TrimPrefix(attributes["src"], "data:"), ";base64,")
	if !r.images || !is || !strings.HasPrefix(kind, "image/") {
		return
	}
	if data, err := base64.StdEncoding.DecodeString(encoded); err == nil {
		r.d.Images = append(r.d.Images, Image{Part: len(r.d.Parts), Type: kind, Data: data})
	}
}
