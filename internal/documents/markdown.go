package documents

import (
	"slices"
	"strings"
)

// markdown writes what a person reads as Markdown, block by block. Emphasis is not written: a model reads the words.
type markdown struct {
	cost    *cost
	out     []byte
	line    []byte // The text of the block under construction.
	prefix  string // What its block begins with: "## ", "- ".
	isItem  bool   // The last finished block is an item of a list.
	tables  []*table
	surplus int    // Open tables beyond those.
	link    int    // Where the text of the open link begins in line; -1 for none.
	target  string // Of the open link.
	raised  bool   // The next text is raised.
}

func newMarkdown(c *cost) *markdown { return &markdown{cost: c, link: -1} }

// begin ends the block and begins one with a prefix.
func (m *markdown) begin(prefix string) {
	m.end()
	m.prefix = prefix
}

var superscript = strings.NewReplacer("0", "⁰", "1", "¹", "2", "²", "3", "³", "4", "⁴", "5", "⁵", "6", "⁶", "7", "⁷", "8", "⁸", "9", "⁹")

// write appends text to the block.
func (m *markdown) write(text string) {
	m.cost.spendText(len(text))
	if m.cost.Err != nil || text == "" {
		return
	}
	// A raised number behind another, or behind a word, is an exponent or the number of a note. In plain digits it would belong to it.
	if m.raised && strings.Trim(text, "0123456789") == "" {
		text = superscript.Replace(text)
	}
	m.raised = false
	m.line = append(m.line, text...)
}

// lineBreak begins a new line in the block.
func (m *markdown) lineBreak() { m.write("\n") }

// openLink begins the text of a link. Links into the document itself, and those that carry data or code, are only text.
func (m *markdown) openLink(target string) {
	m.closeLink()
	target = strings.TrimSpace(target)
	scheme, _, _ := strings.Cut(target, ":")
	if scheme = strings.ToLower(scheme); target == "" || target[0] == '#' || scheme == "javascript" || scheme == "data" || scheme == "vbscript" {
		return
	}
	m.link, m.target = len(m.line), strings.NewReplacer(" ", "%20", "(", "%28", ")", "%29", "\n", "", "\r", "").Replace(target)
}

func (m *markdown) closeLink() {
	if m.link < 0 {
		return
	}
	text := strings.TrimSpace(string(m.line[min(m.link, len(m.line)):]))
	if text != "" && text != m.target && "mailto:"+text != m.target {
		m.cost.spendText(len(m.target) + 4)
		m.line = append(m.line[:m.link], ("[" + text + "](" + m.target + ")")...)
	}
	m.link = -1
}

// end ends the block.
func (m *markdown) end() {
	m.closeLink()
	text, prefix := strings.Trim(string(m.line), " \n\t"), m.prefix
	m.line, m.prefix = m.line[:0], ""
	if text == "" {
		return
	}
	if strings.HasPrefix(prefix, "#") {
		text = strings.Join(strings.Fields(text), " ")
	}
	isItem := strings.HasSuffix(prefix, " ") && !strings.HasPrefix(prefix, "#") && !strings.HasPrefix(prefix, ">")
	if isItem {
		text = strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", len(prefix)))
	}
	m.block(prefix+text, isItem)
}

// block appends a finished block to the open cell, or to the text.
func (m *markdown) block(text string, isItem bool) {
	if t := m.table(); t != nil {
		if t.inCell {
			if strings.HasPrefix(text, "#") && !t.layout {
				text = strings.TrimLeft(text, "# ")
			}
			t.cell = append(t.cell, text)
		} else {
			t.blocks = append(t.blocks, text)
		}
		return
	}
	if len(m.out) > 0 {
		m.out = append(m.out, '\n')
		if !isItem || !m.isItem {
			m.out = append(m.out, '\n')
		}
	}
	m.out = append(m.out, text...)
	m.isItem = isItem
}

// verbatim appends lines as they are, as a block of code.
func (m *markdown) verbatim(text string) {
	m.end()
	if text = strings.Trim(text, "\n"); strings.TrimSpace(text) == "" {
		return
	}
	m.cost.spendText(len(text))
	if m.table() != nil {
		m.block(text, false)
		return
	}
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	m.block(fence+"\n"+text+"\n"+fence, false)
}

// String ends what is open and returns the text.
func (m *markdown) String() string {
	for m.surplus = 0; m.table() != nil; {
		m.closeTable()
	}
	m.end()
	return string(m.out)
}

// distinct are texts that stand on many pages, such as headers: each different one once, in order.
type distinct struct {
	texts []string
	seen  map[string]bool
}

// add takes a text that is not there yet, and reports whether it was not.
func (d *distinct) add(text string) bool {
	if text == "" || d.seen[text] {
		return false
	}
	if d.seen == nil {
		d.seen = map[string]bool{}
	}
	d.seen[text] = true
	d.texts = append(d.texts, text)
	return true
}

// around returns the text of a document with its headers and footers.
func around(headers, footers distinct, body string) string {
	texts := append(slices.Clone(headers.texts), body)
	return strings.Join(slices.DeleteFunc(append(texts, footers.texts...), func(text string) bool { return text == "" }), "\n\n")
}
