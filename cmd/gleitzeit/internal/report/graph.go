package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/mattn/go-runewidth"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Measures of the drawing, in pixels.
const (
	boxWidth, boxHeight = 176, 46
	gapX, gapY          = 22, 40
	margin              = 3
	lineWidth           = 12 // Of the place of a line between boxes.
	nameColumns         = 20 // Of the name in a box, 8 pixels each at the most,
	noteColumns         = 24 // and of the line below, whose letters are smaller.
)

// What is drawn: a larger graph is shown as the tree that `graph` prints.
const (
	maxDrawn = 80
	maxWidth = 8 * (boxWidth + gapX)
)

// drawing is the graph of a run; without a tree there is nothing to see.
type drawing struct {
	Width, Height int
	Boxes         []box
	Lines         []line
	Tree          string // The graph as text.
}

// box is a task.
type box struct {
	X, Y          int
	Label, Method string
	Title         string
	Class         string
	Each          bool // It has items.
	Dashed        bool // It is part of the clean-up.
}

// line is a dependency.
type line struct {
	Path   string
	Within bool
}

// LabelX and the like return where the texts of a box are.
func (b box) LabelX() int { return b.X + 14 }

// LabelY returns where its name is.
func (b box) LabelY() int { return b.Y + 20 }

// MethodY returns where its method is.
func (b box) MethodY() int { return b.Y + 36 }

// Width returns the width of a box.
func (box) Width() int { return boxWidth }

// Height returns the height of a box.
func (box) Height() int { return boxHeight }

// spot is a task in a layer, or a place at which a line passes through one.
type spot struct {
	node  int // -1: a line passes.
	above []*spot
	order float64
	x, y  int
}

// width returns how much room a spot takes.
func (s *spot) width() int {
	if s.node < 0 {
		return lineWidth
	}
	return boxWidth
}

// middle returns where lines begin and end.
func (s *spot) middle() int { return s.x + s.width()/2 }

func widthOf(layer []*spot) int {
	width := -gapX
	for _, s := range layer {
		width += s.width() + gapX
	}
	return width
}

// drawGraph returns the graph of a run. Boxes are in layers, each below those that it depends on.
func drawGraph(graph *view.Graph) *drawing {
	d := &drawing{}
	if len(graph.Edges) == 0 { // The list of tasks shows as much.
		return d
	}
	if d.Tree = graph.Text(); len(graph.Nodes) > maxDrawn {
		return d
	}
	layers, spots := layersOf(graph)
	widest := 0
	for _, layer := range layers {
		widest = max(widest, widthOf(layer))
	}
	if widest > maxWidth {
		return d
	}
	d.Width, d.Height = widest+2*margin, len(layers)*(boxHeight+gapY)-gapY+2*margin
	for depth, layer := range layers {
		x := (d.Width - widthOf(layer)) / 2
		for _, s := range layer {
			s.x, s.y = x, margin+depth*(boxHeight+gapY)
			x += s.width() + gapX
		}
	}
	within := map[[2]string]bool{}
	for _, edge := range graph.Edges {
		within[[2]string{edge.From, edge.To}] = edge.Within
	}
	for i, s := range spots {
		d.Boxes = append(d.Boxes, boxOf(&graph.Nodes[i], s))
		for _, above := range s.above {
			path, from := pathTo(s, above)
			d.Lines = append(d.Lines, line{path, within[[2]string{graph.Nodes[from].ID, graph.Nodes[i].ID}]})
		}
	}
	return d
}

// layersOf returns the tasks in layers, with a spot in each layer that a line passes, and the spots of the tasks.
func layersOf(graph *view.Graph) (layers [][]*spot, spots []*spot) {
	index := map[string]int{}
	for i := range graph.Nodes {
		index[graph.Nodes[i].ID] = i
	}
	after := make([][]int, len(graph.Nodes))
	for _, edge := range graph.Edges {
		after[index[edge.To]] = append(after[index[edge.To]], index[edge.From])
	}
	depth := make([]int, len(graph.Nodes))
	for range graph.Nodes { // A path has at most so many edges; a graph without cycles is settled before.
		changed := false
		for i, others := range after {
			for _, other := range others {
				if depth[i] <= depth[other] {
					depth[i], changed = depth[other]+1, true
				}
			}
		}
		if !changed {
			break
		}
	}
	layers = make([][]*spot, slices.Max(depth)+1)
	spots = make([]*spot, len(graph.Nodes))
	for i := range spots {
		spots[i] = &spot{node: i}
		layers[depth[i]] = append(layers[depth[i]], spots[i])
	}
	for i, others := range after {
		for _, other := range others {
			above := spots[other]
			for d := depth[other] + 1; d < depth[i]; d++ {
				above = &spot{node: -1, above: []*spot{above}}
				layers[d] = append(layers[d], above)
			}
			spots[i].above = append(spots[i].above, above)
		}
	}
	for _, layer := range layers {
		for at, s := range layer { // In each layer the order of what is above, so that few lines cross.
			s.order = float64(at)
			if len(s.above) > 0 {
				s.order = 0
				for _, above := range s.above {
					s.order += above.order / float64(len(s.above))
				}
			}
		}
		slices.SortStableFunc(layer, func(a, b *spot) int { return cmp.Compare(a.order, b.order) })
		x := -float64(widthOf(layer)) / 2
		for _, s := range layer {
			s.order = x + float64(s.width())/2
			x += float64(s.width() + gapX)
		}
	}
	return layers, spots
}

// pathTo returns the line to a task, from the one above it that a chain of spots leads to, and which that is.
func pathTo(to, above *spot) (path string, from int) {
	chain := []*spot{to}
	for s := above; ; s = s.above[0] {
		chain = append(chain, s)
		if s.node >= 0 {
			break
		}
	}
	slices.Reverse(chain)
	var text strings.Builder
	for i, s := range chain {
		x := s.middle()
		if i == 0 {
			fmt.Fprintf(&text, "M%d %d", x, s.y+boxHeight)
			continue
		}
		before := chain[i-1]
		fromX, fromY := before.middle(), before.y+boxHeight
		fmt.Fprintf(&text, "C%d %d %d %d %d %d", fromX, fromY+gapY/2, x, s.y-gapY/2, x, s.y)
		if s.node < 0 {
			fmt.Fprintf(&text, "V%d", s.y+boxHeight)
		}
	}
	return text.String(), chain[0].node
}

func boxOf(node *view.Node, s *spot) box {
	label := value.Visible(node.ID)
	b := box{X: s.x, Y: s.y, Class: string(node.Status), Each: node.Each || node.Items != nil, Dashed: node.Finally}
	b.Label, b.Method = runewidth.Truncate(label, nameColumns, "…"), note(value.Visible(node.Method))
	if node.Items != nil {
		b.Method = note(view.ItemCounts(*node.Items, node.Values, node.Status.Ended()))
	}
	b.Title = strings.Join([]string{label, value.Visible(node.Method), string(node.Status)}, ", ")
	if node.Name != "" {
		b.Title = value.Visible(node.Name) + " (" + b.Title + ")"
	}
	if node.Status == protocol.Pending {
		b.Class = "pending"
	}
	return b
}

// note returns a line that fits below the name in a box.
func note(text string) string { return runewidth.Truncate(text, noteColumns, "…") }
