package export

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// field is a value, or all fields of a value, that is wanted of each item.
type field struct {
	name  string // As it was written, without the ".*" of one that stands for several.
	every bool   // It stands for each field of the object that it leads to.
	kept  bool   // It stands for the columns of the input.
	exact bool   // Of those of a table: their names and cells stay as they are.
	short string // What it begins with, where that is the name of a field of the result, of the answer or of the item.
	paths []path
	read  func(Item) value.Value // Where it is no path.

	others []path // Where it could be, too.
	meant  []path // Where it could be meant to be.
	asked  bool   // An item has a value in which it may be,
	found  bool   // and an item has it,
	is     string // by this path,
	not    string // and this one leads to something else.
	near   string // A path like it, that an item has.
}

// every ends the name of a field that stands for all fields of an object.
const every = ".*"

// heads are what paths begin with. Any other name is that of a field of the result, or of the item.
var heads = []string{"item", "index", "status", "result", "error", "duration", "model", "reason", "warning", "failed_attempts"}

// parseFields reads what --fields has.
func parseFields(text string) ([]*field, error) {
	var fields []*field
	for _, name := range splitFields(text) {
		f, err := parseField(strings.TrimSpace(name))
		if err != nil {
			return nil, err
		}
		fields = append(fields, f)
	}
	return fields, nil
}

// splitFields splits at the commas that are not in quotes.
func splitFields(text string) []string {
	quoted := false
	return strings.FieldsFunc(text, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ',' && !quoted
	})
}

// ofAnswers is where the fields of structured answers are.
const ofAnswers = "result.parsed."

func parseField(text string) (*field, error) {
	f := &field{name: text}
	f.name, f.every = strings.CutSuffix(text, every)
	first, err := parsePath(f.name)
	if err != nil {
		return nil, fmt.Errorf("--fields: %q is not a path such as result.response, result.parsed.* or item[\"a name\"]", text)
	}
	paths, others := []string{f.name}, []string(nil)
	switch beneath, is := strings.CutPrefix(f.name, "result."); {
	case is: // What a script returned may be written without its own `result`, as in references.
		paths = append(paths, "result.result."+beneath)
	case !slices.Contains(heads, first.Head):
		f.short = first.Head
		paths = []string{"result." + f.name, "result.result." + f.name, ofAnswers + f.name, "item." + f.name}
	case len(first.Steps) == 0:
		others = []string{ofAnswers + f.name}
	}
	if f.paths, err = parsePaths(paths); err == nil {
		f.others, err = parsePaths(others)
	}
	if err != nil {
		return nil, fmt.Errorf("--fields: %q must begin with one of %s", text, strings.Join(heads, ", "))
	}
	if steps := first.Steps; len(steps) > 0 && !strings.HasPrefix(f.name, ofAnswers) && steps[len(steps)-1].Field != "" {
		if f.meant, err = parsePaths([]string{keyed("result.parsed", steps[len(steps)-1].Field)}); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// resolve decides what a short name means where the schema of the answers has it: a failed item has no answer, and does not get
// what another path leads to.
func (f *field) resolve(fields []string) {
	if f.short == "" || !slices.Contains(fields, f.short) {
		return
	}
	for _, p := range f.paths {
		if p.written == ofAnswers+f.name {
			f.others = slices.DeleteFunc(slices.Clone(f.paths), func(other path) bool { return other == p })
			f.paths = []path{p}
			return
		}
	}
}

// path is a way to a value of an item.
type path struct {
	written string
	*reference.Reference
}

func parsePaths(all []string) (paths []path, err error) {
	for _, written := range all {
		parsed, err := parsePath(written)
		if err != nil {
			return nil, err
		}
		paths = append(paths, path{written, parsed})
	}
	return paths, nil
}

// parsePath reads a path as references have it.
func parsePath(written string) (*reference.Reference, error) {
	parts, wrong := reference.Parse("${" + written + "}")
	if len(wrong) > 0 || len(parts) != 1 || parts[0].Ref == nil || parts[0].Ref.HasDefault {
		return nil, errors.New("not a path")
	}
	return parts[0].Ref, nil
}

// value returns the value of an item; null where the item has none.
func (f *field) value(item Item) value.Value {
	if f.read != nil {
		return f.read(item)
	}
	if f.kept && len(item.get("item", "problems").Elements()) > 0 && item.get("item", "line").Kind() == value.KindNumber {
		return value.Object(value.Field{Name: "custom_id", Value: customID(item)}) // A line of a request file that cannot be sent.
	}
	if own := item.get("item"); f.exact && own.Kind() != value.KindObject {
		return value.Object(value.Field{Name: "item", Value: own}) // A row that could not be read: the text of it.
	}
	for _, other := range f.others {
		if _, has := other.of(item); has && f.not == "" {
			f.not = other.written
		}
	}
	for i, p := range f.paths {
		if found, has := p.of(item); has {
			f.found, f.is = true, p.written
			if strings.HasPrefix(p.written, ofAnswers) {
				f.paths, f.others = f.paths[:i+1], append(f.others, f.paths[i+1:]...) // A failed item has no such answer, and nothing else instead.
			}
			return found
		}
		f.asked = f.asked || !item.get(p.Head).IsNull()
	}
	for _, p := range f.meant {
		if _, has := p.of(item); has {
			f.near = p.written
		}
	}
	return value.Value{}
}

// of returns the value of an item that the path leads to; false where the item has none.
func (p path) of(item Item) (value.Value, bool) {
	head := item.get(p.Head)
	if p.Head == "warning" {
		head = item.warning()
	}
	isFile := p.Head == "item" && strings.HasPrefix(head.Text(), "/")
	found, err := reference.Lookup(p.Reference, &reference.Scope{Bindings: []protocol.Binding{
		{Head: p.Head, Value: protocol.Payload{Inline: &head}, File: isFile},
	}})
	return found, err == nil
}

// note returns the line for people about what the field means; empty if there is nothing to say.
func (f *field) note() string {
	switch {
	case f.read != nil || f.kept:
	case f.asked && !f.found && f.near != "":
		return fmt.Sprintf("warning: no item has the field %q; there is %q", f.name, f.near)
	case f.asked && !f.found:
		return fmt.Sprintf("warning: no item has the field %q", f.name)
	case f.not != "" && f.short == "":
		return fmt.Sprintf("note: the field %q is that of the item, not %q", f.name, f.not)
	case f.not != "" && f.found:
		return fmt.Sprintf("note: the field %q is %q, not %q", f.name, f.is, f.not)
	}
	return ""
}

// column is a column of a table.
type column struct {
	name  string
	field *field
	key   string // Of the object that the field leads to, where it stands for several.
	first [2]int // The item that has it first in the order of items, and its place there.
	kinds kinds
}

// maxColumns is how many columns a table may have: more is data that was taken for names.
const maxColumns = 2000

// columns are those of a table, found by reading all items.
type columns struct {
	fields []*field
	of     []map[string]*column // For each field, by key.
	count  int
}

// newColumns returns the columns that are known before any item is read: those of the fields, and those of a table.
func newColumns(fields []*field, source *protocol.Table) *columns {
	c := &columns{fields: fields, of: make([]map[string]*column, len(fields))}
	for i, f := range fields {
		c.of[i] = map[string]*column{}
		if !f.every {
			c.of[i][""] = &column{name: f.name, field: f}
			c.count++
		} else if f.name == "item" && source != nil {
			for place, name := range source.Columns {
				c.of[i][name] = &column{field: f, key: name, first: [2]int{0, place}}
				c.count++
			}
		}
	}
	return c
}

// add adds the columns that an item has.
func (c *columns) add(item Item) error {
	for i, f := range c.fields {
		found := f.value(item)
		if !f.every {
			c.of[i][""].kinds.add(found)
			continue
		}
		for place, one := range found.Fields() {
			known := c.of[i][one.Name]
			if known == nil {
				if c.count++; c.count > maxColumns {
					return protocol.Errorf(protocol.InvalidParams, "%s%s has more than %d fields", f.name, every, maxColumns).WithHint("name the fields that you want with --fields")
				}
				known = &column{field: f, key: one.Name, first: [2]int{item.Index, place}}
				c.of[i][one.Name] = known
			}
			if item.Index < known.first[0] {
				known.first = [2]int{item.Index, place}
			}
			known.kinds.add(one.Value)
		}
	}
	return nil
}

// list returns the columns in an order that does not depend on that of the items.
func (c *columns) list() []*column {
	var all []*column
	for i := range c.fields {
		start := len(all)
		for _, found := range c.of[i] {
			all = append(all, found)
		}
		slices.SortFunc(all[start:], func(a, b *column) int {
			return cmp.Or(cmp.Compare(a.first[0], b.first[0]), cmp.Compare(a.first[1], b.first[1]))
		})
	}
	names := map[string]bool{}
	for _, one := range all {
		if one.field.every {
			one.name = keyed(one.field.name, one.key)
		}
		if !one.field.kept {
			names[one.name] = true
		}
	}
	for _, one := range all {
		if one.field.exact || one.field.kept && one.key != "" && !names[one.key] {
			one.name = one.key
		}
	}
	return uniquely(all)
}

// uniquely gives columns of one name different ones.
func uniquely(all []*column) []*column {
	seen := map[string]int{}
	for _, one := range all {
		name := one.name
		for n := 2; seen[one.name] > 0; n++ {
			one.name = fmt.Sprintf("%s (%d)", name, n)
		}
		seen[one.name]++
	}
	return all
}

// keyed returns the path to a field of an object.
func keyed(path, key string) string {
	if parsed, err := parsePath(path + "." + key); err == nil && len(parsed.Steps) > 0 && parsed.Steps[len(parsed.Steps)-1].Field == key {
		return path + "." + key
	}
	return path + "[" + string(value.String(key).JSON()) + "]"
}

// cells returns the values of an item for the columns.
func cells(all []*column, item Item) []value.Value {
	row := make([]value.Value, len(all))
	var of *field
	var found value.Value
	for i, one := range all {
		if one.field != of {
			of, found = one.field, one.field.value(item)
		}
		row[i] = found
		if of.every {
			row[i], _ = found.Get(one.key)
		}
	}
	return row
}

// defaultFields are those of a table that names none. Where several models are asked about each file, the items name them.
func defaultFields(models bool) []*field {
	parsed, err := parseField("result.parsed" + every)
	if err != nil {
		panic(err) // A constant.
	}
	read := func(name string, read func(Item) value.Value) *field { return &field{name: name, read: read} }
	get := func(name string) *field { return read(name, func(item Item) value.Value { return item.get(name) }) }
	fields := []*field{get("item"), get("index")}
	if models {
		fields = append(fields, get("model"))
	}
	return append(fields,
		get("status"),
		read("result", func(item Item) value.Value { return view.MainValue(item.get("result")) }),
		parsed,
		read("error", Item.problem), read("warning", Item.warning),
	)
}

// rowFields are those of the rows of a table: its columns, and the answers as new ones.
func rowFields() ([]*field, error) {
	kept, err := keptFields()
	if err != nil {
		return nil, err
	}
	kept.exact = true
	added := slices.DeleteFunc(defaultFields(false), func(f *field) bool { return f.name == "item" || f.name == "index" })
	return append([]*field{kept}, added...), nil
}

// keptFields stands for the columns of the input.
func keptFields() (*field, error) {
	kept, err := parseField("item" + every)
	if err == nil {
		kept.kept = true
	}
	return kept, err
}
