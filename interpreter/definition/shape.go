package definition

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/temporalname"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// shape is what a key takes: the type that the parser wants, and how people and editors see it. Values within a
// type are the business of rules; what the rules reject in every file, the schema rejects too.
type shape struct {
	want      string // In a message: "a list".
	fits      func(*Node) bool
	hint      func(*Node) string // What to write instead; may be nil.
	schema    string             // JSON Schema of the value, as text.
	display   string             // For people, if it differs from want.
	mandatory bool
	part      string // Name of the mappings within: "task"; "" where there are none with keys of the language.
	places    Places // Of these mappings.
	keys      table
}

// table is a table of keys, of whatever it fills.
type table interface{ listed() []Key }

const (
	textSchema  = `{"type": ["string", "number"]}`
	nameSchema  = `{"type": ["string", "number"], "minLength": 1}`
	textsSchema = `{"type": "array", "items": ` + textSchema + `}`
)

var (
	anything = shape{want: "anything", fits: func(*Node) bool { return true }, schema: `{}`}
	// A number is taken as its text, so that `name: 2024` and `id: 7` mean what they look like.
	text    = shape{want: "text", fits: func(n *Node) bool { return n.Kind == value.KindString || n.Kind == value.KindNumber }, hint: quoteHint, schema: textSchema}
	scalar  = shape{want: "text or a number", fits: text.fits, schema: textSchema}
	elapsed = shape{want: "a number of seconds or a duration such as 90s", fits: text.fits, schema: elapsedSchema("minimum")}
	boolean = shape{want: "true or false", fits: func(n *Node) bool { return n.Kind == value.KindBool }, schema: `{"type": "boolean"}`}
	list    = shape{want: "a list", fits: func(n *Node) bool { return n.Kind == value.KindList }, hint: listHint, schema: `{"type": "array"}`}
	mapping = shape{want: "a mapping", fits: func(n *Node) bool { return n.Kind == value.KindObject }, schema: `{"type": "object"}`}
	// A boolean is taken too, so that a task can be switched off.
	condition = shape{want: "a condition", fits: func(n *Node) bool { return n.Kind == value.KindString || n.Kind == value.KindBool }, schema: `{"type": ["string", "boolean"]}`}
	whole     = shape{want: "a whole number", fits: func(n *Node) bool { _, fits := Whole(n); return fits }, schema: `{"type": "integer"}`}
	count     = shape{want: "a whole number of at least 1", fits: func(n *Node) bool { _, fits := Count(n); return fits }, schema: `{"type": "integer", "minimum": 1}`}
)

// What rules narrow further.
var (
	id     = text.as("letters, digits, - and _", `{"type": ["string", "number"], "pattern": "^[\\p{L}\\p{M}\\p{Nd}_-]*$", "maxLength": `+strconv.Itoa(MaxID)+`}`)
	runID  = text.as("a-z, A-Z, 0-9, - and _", `{"type": ["string", "number"], "pattern": "^[a-zA-Z0-9_-]*$", "maxLength": `+strconv.Itoa(MaxID)+`}`)
	queue  = text.as("the name of a Temporal task queue", `{"type": ["string", "number"], "pattern": "^[!-~]([ -~]*[!-~])?$", "maxLength": `+strconv.Itoa(temporalname.Max)+`}`)
	period = elapsed.as("", elapsedSchema("exclusiveMinimum"))
	chunk  = shape{
		want:   "a whole number of at least 1, or auto",
		fits:   func(n *Node) bool { _, fits := Count(n); return fits || n.Written == ChunkAuto },
		schema: `{"anyOf": [{"type": "integer", "minimum": 1}, {"const": "` + ChunkAuto + `"}]}`,
	}
	parallel = count.as("a whole number from 1 to "+strconv.Itoa(MaxParallel), `{"type": "integer", "minimum": 1, "maximum": `+strconv.Itoa(MaxParallel)+`}`)
	attempts = scalar.as("a whole number of at least 1", `{"type": "integer", "minimum": 1, "maximum": `+strconv.Itoa(MaxAttempts)+`}`)
	rounds   = count.as("a whole number from 1 to "+strconv.Itoa(MaxRounds), `{"type": "integer", "minimum": 1, "maximum": `+strconv.Itoa(MaxRounds)+`}`)
	items    = shape{want: "a list, a reference to one, or {rows: …}", fits: func(n *Node) bool {
		return n.Kind == value.KindList || n.Kind == value.KindString || n.Kind == value.KindObject
	},
		schema: `{"anyOf": [{"type": "array"}, {"type": "string", "pattern": "^\\$\\{.*\\}$"}]}`}
	failures = scalar.as("a whole number, or a percentage such as 10%",
		`{"type": ["integer", "string"], "minimum": 0, "pattern": "^\\s*(100(\\.0*)?|[0-9]{1,2}(\\.[0-9]*)?)\\s*%$"}`)
)

// elapsedSchema is that of a duration, which is at least, or more than, nothing.
func elapsedSchema(bound string) string {
	return `{"type": ["number", "string"], "` + bound + `": 0, "maximum": ` + strconv.FormatFloat(maxDuration.Seconds(), 'f', -1, 64) +
		`, "pattern": "^\\+?([0-9]+d|([0-9]+d)?(([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$"}`
}

// as is the same for the parser, shown in other words; display is "" where only the schema is narrower.
func (s shape) as(display, schema string) shape {
	s.display, s.schema = display, schema
	return s
}

// words takes some words and nothing else.
func (s shape) words(all []string) shape {
	quoted := ""
	for i, word := range all {
		if i > 0 {
			quoted += ", "
		}
		quoted += strconv.Quote(word)
	}
	return s.as(joined(all), `{"enum": [`+quoted+`]}`)
}

// joined lists words as people do: `a, b or c`.
func joined(words []string) string {
	text := ""
	for i, word := range words {
		switch {
		case i == 0:
		case i == len(words)-1:
			text += " or "
		default:
			text += ", "
		}
		text += word
	}
	return text
}

// required makes a shape that cannot be left out.
func (s shape) required() shape {
	s.mandatory = true
	return s
}

// of sets the keys of the mappings within a key, and the name of these mappings.
func (s shape) of(part string, places Places, keys table) shape {
	s.part, s.places, s.keys = part, places, keys
	return s
}

// hinting sets what says what to write instead.
func (s shape) hinting(hint func(*Node) string) shape {
	s.hint = hint
	return s
}

func retryHint(n *Node) string {
	if attempts, is := Count(n); is {
		return "write retry: {max_attempts: " + strconv.Itoa(attempts) + "}"
	}
	return ""
}

func tasksHint(n *Node) string {
	if n.Kind == value.KindObject {
		return `write "- id: NAME" for each task`
	}
	return listHint(n)
}

func inputsHint(n *Node) string {
	name := "topic"
	if len(n.Elements) > 0 && n.Elements[0].Kind == value.KindString {
		name = Shorten(n.Elements[0].Text)
	}
	return "write inputs: {" + name + ": {required: true}}"
}

func quoteHint(n *Node) string {
	if n.Kind == value.KindBool {
		return "put it in quotes"
	}
	return ""
}

func listHint(n *Node) string {
	if n.Kind == value.KindString || n.Kind == value.KindNumber {
		return "write [" + Shorten(n.Written) + "]"
	}
	return ""
}

// wordsHint is listHint for a command line: its words are the elements.
func wordsHint(n *Node) string {
	if words := strings.Fields(n.Written); n.Kind == value.KindString && len(words) > 1 && !strings.ContainsAny(n.Written, "\"'\\,[]{}#:|&;<>$`*") {
		return "write command: [" + Shorten(strings.Join(words, ", ")) + "]"
	} else if n.Kind == value.KindString && len(words) > 1 {
		return "write command: [sh, -c, LINE] for a line of a shell"
	}
	return listHint(n)
}

func outputsHint(n *Node) string {
	if reference := n.Flow(); n.Kind == value.KindString && reference != "" {
		return "write outputs: {answer: " + reference + "}"
	}
	if n.Kind != value.KindList || len(n.Elements) == 0 {
		return ""
	}
	first := n.Elements[0]
	switch {
	case first.Kind == value.KindObject && len(first.Fields) > 0:
		return mappingHint("outputs")(n)
	case first.Kind == value.KindString && strings.Contains(first.Text, "${") && first.Flow() != "":
		return "write outputs: {answer: " + first.Flow() + "}"
	case first.Kind == value.KindString && first.Text != "":
		return "write outputs: {" + Shorten(first.Text) + `: "${` + Shorten(first.Text) + `.response}"}`
	}
	return ""
}

// batchHint says how a batch of a folder, of a pattern or of files is written.
func batchHint(n *Node) string {
	if n.Kind == value.KindList && n.Flow() != "" {
		return "write batch: {files: " + n.Flow() + "}"
	}
	if n.Kind != value.KindString || n.Text == "" {
		return "write batch: {directory: docs}"
	}
	written := func(text string) string { return (&Node{Kind: value.KindString, Text: Shorten(text)}).flow() }
	first := strings.IndexAny(n.Text, "*?[{")
	if first < 0 {
		if path.Ext(n.Text) != "" {
			return "write batch: {files: [" + written(n.Text) + "]}"
		}
		return "write batch: {directory: " + written(n.Text) + "}"
	}
	folder, pattern := ".", n.Text
	if slash := strings.LastIndexByte(n.Text[:first], '/'); slash >= 0 {
		folder, pattern = n.Text[:max(slash, 1)], n.Text[slash+1:]
	}
	return "write batch: {directory: " + written(folder) + ", pattern: " + InQuotes(pattern) + "}"
}

// assigned is a text as other languages give a key its value.
var assigned = regexp.MustCompile(`^([A-Za-z_]\w*)\s*=\s*(.+)$`)

// mappingHint says how a list of mappings with one entry, or an assignment, is written as the mapping that is wanted.
func mappingHint(key string) func(*Node) string {
	return func(n *Node) string {
		if parts := assigned.FindStringSubmatch(n.Text); n.Kind == value.KindString && parts != nil {
			return "write " + key + ": {" + parts[1] + ": " + (&Node{Kind: value.KindString, Text: Shorten(strings.Trim(parts[2], `"'`))}).flow() + "}"
		}
		if n.Kind == value.KindList {
			merged := &Node{Kind: value.KindObject}
			for _, element := range n.Elements {
				merged.Fields = append(merged.Fields, element.Fields...)
			}
			if text := merged.Flow(); len(merged.Fields) > 0 && text != "" {
				return "write " + key + ": " + text
			}
		}
		return "write " + key + ": {NAME: VALUE}"
	}
}

// toolServersHint is for a list of servers with their names among their keys.
func toolServersHint(n *Node) string {
	if n.Kind == value.KindList && len(n.Elements) > 0 {
		first := n.Elements[0]
		if name := first.Get("name"); name != nil && name.Kind == value.KindString {
			rest := &Node{Kind: value.KindObject}
			for _, field := range first.Fields {
				if field.Name != "name" {
					rest.Fields = append(rest.Fields, field)
				}
			}
			if text := rest.Flow(); text != "" {
				return "write mcp_servers: {" + Shorten(name.Text) + ": " + text + "}"
			}
		}
	}
	return "write mcp_servers: {files: {command: npx, args: [-y, SERVER]}}"
}

// Count reads a whole number of at least 1.
func Count(n *Node) (int, bool) {
	val, err := strconv.Atoi(n.Text)
	return val, n.Kind == value.KindNumber && err == nil && val >= 1
}

// Whole reads a whole number.
func Whole(n *Node) (int64, bool) {
	val, err := strconv.ParseInt(n.Text, 10, 64)
	return val, n.Kind == value.KindNumber && err == nil
}

// maxDuration is the longest that a workflow can name: ten years, far within what Go and Temporal can count.
const maxDuration = 10 * 365 * 24 * time.Hour

// Duration reads a number of seconds, or text such as 90s, 2h, 1m30s or 3d. A problem says what is wanted instead, to follow
// the key's name: `must be …, not "soon"`; it is "" where all is well.
func Duration(n *Node) (seconds protocol.Seconds, problem string) {
	const want = "must be a number of seconds or a duration such as 90s, 2h or 1m30s, not "
	switch n.Kind {
	case value.KindNumber:
		value, err := strconv.ParseFloat(n.Text, 64)
		if err == nil && value <= maxDuration.Seconds() {
			seconds = protocol.Seconds(value)
			break
		}
		return 0, tooLong(n)
	case value.KindString:
		value, valid := parseDuration(n.Text)
		if !valid {
			return 0, want + n.Describe()
		}
		if value > maxDuration {
			return 0, tooLong(n)
		}
		seconds = protocol.SecondsOf(value)
	default:
		return 0, want + n.Describe()
	}
	if seconds < 0 {
		return 0, "must not be negative: " + n.Describe()
	}
	return seconds, ""
}

// parseDuration is Go's, and has days of 24 hours before the rest: an approval may wait for 3d, or 1d12h.
func parseDuration(text string) (value time.Duration, valid bool) {
	const day = 24 * time.Hour
	days, rest, found := strings.Cut(text, "d")
	if !found {
		value, err := time.ParseDuration(text)
		return value, err == nil
	}
	count, err := strconv.ParseUint(strings.TrimPrefix(days, "+"), 10, 32)
	if err != nil || strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") {
		return 0, false
	}
	if count > uint64(maxDuration/day) {
		return maxDuration + day, true
	}
	if rest == "" {
		return time.Duration(count) * day, true
	}
	value, err = time.ParseDuration(rest)
	if err != nil {
		return 0, false
	}
	return min(value, maxDuration) + time.Duration(count)*day, true
}

// inWords is a duration with its unit as a word.
var inWords = regexp.MustCompile(`^ *([0-9]+(?:\.[0-9]+)?) *([A-Za-z]+) *$`)

// DurationHint says how a duration in words is written; empty if a text is none.
func DurationHint(key string, n *Node) string {
	parts := inWords.FindStringSubmatch(n.Text)
	if _, valid := parseDuration(n.Text); n.Kind != value.KindString || parts == nil || valid {
		return ""
	}
	for _, names := range [][]string{{"s", "sec", "second"}, {"m", "min", "minute"}, {"h", "hr", "hour"}, {"d", "day"}} {
		if word := strings.ToLower(parts[2]); slices.Contains(names, word) || slices.Contains(names, strings.TrimSuffix(word, "s")) {
			return "write " + key + ": " + parts[1] + names[0]
		}
	}
	return ""
}

func tooLong(n *Node) string {
	return fmt.Sprintf("must be at most %dh, not %s", maxDuration/time.Hour, n.Describe())
}
