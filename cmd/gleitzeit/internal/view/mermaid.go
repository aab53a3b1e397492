package view

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// classes are the styles of the statuses in a flowchart, in the order of their definitions. All have dark text on a light
// background, which is legible in light and dark themes.
var classes = []struct {
	status protocol.Status
	style  string
}{
	{protocol.Pending, "fill:#f4f4f4,stroke:#888,color:#222"},
	{protocol.Running, "fill:#dbe9ff,stroke:#1f5fbf,color:#222"},
	{protocol.Completed, "fill:#d9f2d9,stroke:#2e7d32,color:#222"},
	{protocol.Failed, "fill:#ffd9d9,stroke:#b71c1c,color:#222"},
	{protocol.Skipped, "fill:#eee,stroke:#999,color:#555,stroke-dasharray:4"},
	{protocol.Cancelled, "fill:#fff0cc,stroke:#b26a00,color:#222"},
}

// Mermaid returns the graph as a Mermaid flowchart, top down. Tasks are numbered, because their ids may be keywords of
// Mermaid, and their names are the labels. The node of a fanned-out task has double sides, that of a task with a condition
// pointed ones.
func (g *Graph) Mermaid() string {
	var text strings.Builder
	title := label(g.Workflow)
	if g.Run != "" {
		title += ", " + label(g.Run) + ": " + string(g.Status)
	}
	// The title is YAML, and a string that Quote returns is valid YAML. Mermaid shows it as text after it has removed HTML.
	title = strings.NewReplacer("<", "‹", ">", "›").Replace(inert.Replace(title))
	fmt.Fprintf(&text, "---\ntitle: %s\n---\nflowchart TD\n", strconv.Quote(title))
	number := make(map[string]int, len(g.Nodes))
	inStatus := map[protocol.Status][]string{}
	for i := range g.Nodes {
		node := &g.Nodes[i]
		number[node.ID] = i + 1
		open, shut := `["`, `"]`
		switch {
		case node.Each:
			open, shut = `[["`, `"]]`
		case node.When != "":
			open, shut = `{{"`, `"}}`
		}
		fmt.Fprintf(&text, "  t%d%s%s%s\n", i+1, open, node.mermaid(), shut)
		inStatus[node.Status] = append(inStatus[node.Status], fmt.Sprintf("t%d", i+1))
	}
	for _, edge := range g.Edges {
		arrow := "-->"
		if edge.Within {
			arrow = "-.->"
		}
		fmt.Fprintf(&text, "  t%d %s t%d\n", number[edge.From], arrow, number[edge.To])
	}
	for _, class := range classes {
		if tasks := inStatus[class.status]; len(tasks) > 0 {
			fmt.Fprintf(&text, "  classDef %s %s\n  class %s %s\n", class.status, class.style, strings.Join(tasks, ","), class.status)
		}
	}
	return text.String()
}

// mermaid returns the label of a task: lines with its name, its method and its notes.
func (n *Node) mermaid() string {
	title := n.ID
	if n.Name != "" {
		title = label(n.Name)
	}
	if n.Status != "" {
		title = Mark(n.Status) + " " + title
	}
	lines := []string{escaped(title), escaped(n.Method)}
	if notes := strings.Join(n.notes(), ", "); notes != "" {
		lines = append(lines, escaped(notes))
	}
	return strings.Join(lines, "<br/>")
}

// inert splits what Mermaid still interprets when a label has become HTML: its own symbols for character codes, formulas,
// and names of icons. The word joiner U+2060 is invisible.
var inert = strings.NewReplacer("ﬂ", "fl", "¶", "¶\u2060", "$", "$\u2060", ":fa-", ":\u2060fa-")

// escaped returns a text that Mermaid shows without interpreting it. Mermaid applies its lexer, a search for directives,
// Markdown and HTML to a label; therefore every character but letters, digits and spaces becomes a character code, except,
// for readers of the source, some punctuation within a word.
func escaped(text string) string {
	var safe strings.Builder
	runes := []rune(inert.Replace(text))
	for i, r := range runes {
		within := i > 0 && i < len(runes)-1 && plain(runes[i-1]) && plain(runes[i+1])
		switch {
		case plain(r), r == ' ', within && (r == '-' || r == '_' || r == '/'), within && r == '.' && !afterWWW(runes[:i]):
			safe.WriteRune(r)
		default:
			fmt.Fprintf(&safe, "#%d;", r)
		}
	}
	return safe.String()
}

func plain(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// afterWWW reports whether a text ends with "www": Markdown makes a link of it when a dot follows.
func afterWWW(before []rune) bool {
	return len(before) >= 3 && strings.EqualFold(string(before[len(before)-3:]), "www")
}
