package view

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// classes are how a flowchart shows the statuses of tasks, in the order of their definitions. All have dark text on a
// light ground, to be read in light themes and in dark ones.
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

// Mermaid shows the graph as a Mermaid flowchart, top down. Tasks are numbered, for ids of tasks may be words of
// Mermaid's own, and have their names as labels; a fanned-out task has double sides, what has
// a condition pointed ones.
func (g *Graph) Mermaid() string {
	var text strings.Builder
	title := label(g.Workflow)
	if g.Run != "" {
		title += ", " + label(g.Run) + ": " + string(g.Status)
	}
	// The title is YAML, and what Quote makes of a text is a YAML string as well. It is shown as text, but not before
	// Mermaid has cleaned it of HTML.
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
		fmt.Fprintf(&text, "  t%d --> t%d\n", number[edge.From], number[edge.To])
	}
	for _, class := range classes {
		if tasks := inStatus[class.status]; len(tasks) > 0 {
			fmt.Fprintf(&text, "  classDef %s %s\n  class %s %s\n", class.status, class.style, strings.Join(tasks, ","), class.status)
		}
	}
	return text.String()
}

// mermaid is the label of a task: its name, its method, and what else there is to say, a line each.
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

// inert parts what Mermaid would still find when a label has become HTML: signs of its own for the numbers in a text,
// formulas, and the names of icons. The word joiner U+2060 is not seen.
var inert = strings.NewReplacer("ﬂ", "fl", "¶", "¶\u2060", "$", "$\u2060", ":fa-", ":\u2060fa-")

// escaped writes a text so that Mermaid shows it and reads nothing else into it. A label passes its lexer, a search for
// directives, Markdown, and HTML; so whatever is no letter or digit becomes a number, except spaces and, for the sake of
// people who read the source, signs within a word.
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

// afterWWW tells what Markdown would make a link of.
func afterWWW(before []rune) bool {
	return len(before) >= 3 && strings.EqualFold(string(before[len(before)-3:]), "www")
}
