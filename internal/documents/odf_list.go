package documents

import (
	"encoding/xml"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/xmlarchive"
)

// odfLevel is how items of one depth are numbered.
type odfLevel struct {
	format, prefix, suffix string
	shown                  int // Levels whose numbers are shown.
	start                  int
}

func odfLevelOf(t xml.StartElement) odfLevel {
	l := odfLevel{format: xmlarchive.Attribute(t, "num-format"), prefix: xmlarchive.Attribute(t, "num-prefix"), suffix: xmlarchive.Attribute(t, "num-suffix"), shown: 1, start: 1}
	if shown, err := strconv.Atoi(xmlarchive.Attribute(t, "display-levels")); err == nil {
		l.shown = shown
	}
	if start, err := strconv.Atoi(xmlarchive.Attribute(t, "start-value")); err == nil {
		l.start = start
	}
	return l
}

// odfNumerals are the formats of numbers by the names that Word has for them.
var odfNumerals = map[string]string{"a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman", "1": "decimal"}

// openList begins a list, whose numbers go on from the last one of its style if it says so.
func (r *odf) openList(style string, continues bool) {
	r.lists = append(r.lists, odfList{style})
	if continues {
		return
	}
	counters := r.countersOf(style)
	for depth := len(r.lists) - 1; depth < maxListDepth; depth++ {
		counters[depth] = 0
	}
}

func (r *odf) countersOf(style string) []int {
	if r.counters[style] == nil {
		r.counters[style] = make([]int, maxListDepth)
	}
	return r.counters[style]
}

// item counts an item of the innermost list and returns what it begins with.
func (r *odf) item() string {
	depth := min(len(r.lists), maxListDepth)
	if depth == 0 {
		return ""
	}
	style := r.lists[len(r.lists)-1].style
	counters := r.countersOf(style)
	counters[depth-1]++
	clear(counters[depth:])
	level := r.levels[style+" "+strconv.Itoa(depth)]
	label := "-"
	if odfNumerals[level.format] != "" {
		var numbers []string
		for of := max(depth-level.shown, 0); of < depth; of++ {
			at := r.levels[style+" "+strconv.Itoa(of+1)]
			numbers = append(numbers, numeral(max(counters[of], 1)+at.start-1, odfNumerals[at.format]))
		}
		label = strings.TrimSpace(level.prefix + strings.Join(numbers, ".") + level.suffix)
	}
	return strings.Repeat("  ", depth-1) + label + " "
}
