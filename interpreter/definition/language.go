package definition

import (
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// What a workflow file may hold at most. A file may be hostile: each limit is checked before the work that it bounds.
const (
	MaxSize       = 8 << 20 // Bytes of the file.
	MaxMarks      = 350_000 // Commas, colons, opening brackets, dashes and breaks of lines: there are not many more values than these.
	MaxDepth      = 64      // Lists and mappings in one another, the file's own mapping included.
	MaxAliasNodes = 10_000  // Values made by aliases, all of them together.
	MaxAliasText  = 8 << 20 // Bytes of text in them.
	MaxTasks      = 20_000
	MaxText       = 1 << 20 // Bytes of one text.
	MaxDigits     = 1_000   // Characters of one number.
	MaxExponent   = 9_999   // Of a number, up or down.
)

// Of a file that passes a limit so much is read for its unknown keys.
const (
	beginningSize  = 1 << 20 // Bytes.
	beginningLines = 20_000
)

// MaxDiagnostics is how many diagnostics of one file people and programs get.
const MaxDiagnostics = 200

// What the values of keys may be at most.
const (
	MaxParallel = 2_000     // Temporal lets one workflow have so many activities in flight.
	MaxAttempts = 1_000_000 // Of one task.
	MaxID       = 200       // Characters: Temporal takes 1,000 bytes, and item numbers are added.
)

// ChunkAuto is the value of `chunk` for as many items as their duration suggests.
const ChunkAuto = "auto"

// Key is one key of the language, as shown to people and editors.
type Key struct {
	Names    []string // The first is the one that messages use; the others mean the same.
	Takes    string   // "a list"; "exponential, linear or fixed".
	About    string   // What it means, in a sentence.
	Schema   string   // JSON Schema of its value, without what lies beneath. A key without a value counts as absent.
	Required bool
	Part     string // Name of the mappings within: "task". "" where they have no keys of the language.
	Places   Places
	Keys     []Key // Of these mappings, in the order of the table.
}

// Places says where the mappings are that have the keys.
type Places uint8

// The places.
const (
	Itself   Places = iota // The value is one.
	Elements               // Each element of the list is one.
	Fields                 // Those of the mapping's values are that are mappings; others have a meaning of their own.
)

// Name is the name that messages use.
func (k Key) Name() string { return k.Names[0] }

// Language returns the keys of a workflow, with all that lies beneath: what the parser knows, from the same tables.
func Language() []Key { return workflowKeys.listed() }

// listed returns the keys of a table as Keys.
func (t keys[T]) listed() []Key {
	all := make([]Key, len(t))
	for i, entry := range t {
		takes := entry.takes
		all[i] = Key{
			Names: entry.names, Takes: takes.display, About: entry.about, Schema: takes.schema, Required: takes.mandatory, Part: takes.part, Places: takes.places,
		}
		if takes.display == "" {
			all[i].Takes = takes.want
		}
		if takes.keys != nil {
			all[i].Keys = takes.keys.listed()
		}
	}
	return all
}

// InputTypes lists the types that an input can have.
func InputTypes() []string {
	return []string{"string", "integer", "number", "boolean", "list", "object"}
}

// Backoffs lists how the pause between attempts can grow.
func Backoffs() []string {
	return []string{string(protocol.Exponential), string(protocol.Linear), string(protocol.Fixed)}
}

// RetriedErrors lists the names of the errors that can be retried.
func RetriedErrors() []string {
	var all []string
	for _, code := range protocol.Codes {
		if code.Kind != protocol.Permanent && code.Code != protocol.EngineUnreachable {
			all = append(all, code.Name)
		}
	}
	return all
}

// errorNames takes names of errors, or one.
var errorNames = func() shape {
	names := `{"enum": ["` + strings.Join(RetriedErrors(), `", "`) + `"]}`
	return texts.as("a list of names of errors", `{"anyOf": [`+names+`, {"type": "array", "minItems": 1, "items": `+names+`}]}`)
}()

// SplitBys lists where chunks of a document can end, the default first.
func SplitBys() []string {
	return []string{string(protocol.SplitByParagraph), string(protocol.SplitByHeading), string(protocol.SplitByPage), string(protocol.SplitByLine)}
}

// StepRunIfs lists the same for a step of an item, which ends with the first step that fails.
func StepRunIfs() []string { return RunIfs()[:2] }

// RunIfs lists how what a task waits for may have to end, the default first.
func RunIfs() []string { return []string{"success", "done", "always"} }

// Priorities lists the words for priorities, the first to start first.
func Priorities() []string { return []string{"urgent", "high", "normal", "low"} }

// priority takes a word or, as a number or its text, the level that an older language has.
var priority = scalar.as(joined(Priorities())+"; or 1 (high), 2 (normal) or 3 (low)",
	`{"anyOf": [{"enum": ["`+strings.Join(Priorities(), `", "`)+`", 1, 2, 3]}, {"type": "string", "pattern": "^[123]$"}]}`)
