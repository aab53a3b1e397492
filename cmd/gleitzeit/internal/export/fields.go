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
	paths []*reference.Reference
	read  func(Item) value.Value // Where it is no path.
	asked bool                   // An item has a value in which it may be,
	found bool                   // and an item has it.
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

func parseField(text string) (*field, error) {
	f := &field{name: text}
	f.name, f.every = strings.CutSuffix(text, every)
	first, err := parsePath(f.name)
	if err != nil {
		return nil, fmt.Errorf("--fields: %q is not a path such as result.response, result.parsed.* or item[\"a name\"]", text)
	}
	paths := []string{f.name}
	switch beneath, is := strings.CutPrefix(f.name, "result."); {
	case is: // What a script returned may be written without its own `result`, as in references.
		paths = append(paths, "result.result."+beneath)
	case !slices.Contains(heads, first.Head):
		paths = []string{"result." + f.name, "result.result." + f.name, "item." + f.name}
	}
	for _, written := range paths {
		path, err := parsePath(written)
		if err != nil {
			return nil, fmt.Errorf("--fields: %q must begin with one of %s", text, strings.Join(heads, ", "))
		}
		f.paths = append(f.paths, path)
	}
	return f, nil
}

// parsePath reads a path as references have it.
func parsePath(path string) (*reference.Reference, error) {
	parts, wrong := reference.Parse("${" + path + "}")
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
	for _, path := range f.paths {
		head := item.get(path.Head)
		if path.Head == "warning" {
			head = item.warning()
		}
		isFile := path.Head == "item" && strings.HasPrefix(head.Text(), "/")
		found, err := reference.Lookup(path, &reference.Scope{Bindings: []protocol.Binding{
			{Head: path.Head, Value: protocol.Payload{Inline: &head}, File: isFile},
		}})
		if err == nil {
			f.found = true
			return found
		}
		f.asked = f.asked || !head.IsNull()
	}
	return value.Value{}
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

func newColumns(fields []*field) *columns {
	c := &columns{fields: fields, of: make([]map[string]*column, len(fields))}
	for i, f := range fields {
		c.of[i] = map[string]*column{}
		if !f.every {
			c.of[i][""] = &column{name: f.name, field: f}
			c.count++
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

// defaultFields are those of a table that names none.
func defaultFields() []*field {
	parsed, err := parseField("result.parsed" + every)
	if err != nil {
		panic(err) // A constant.
	}
	read := func(name string, read func(Item) value.Value) *field { return &field{name: name, read: read} }
	get := func(name string) *field { return read(name, func(item Item) value.Value { return item.get(name) }) }
	return []*field{
		get("item"), get("index"), get("status"),
		read("result", func(item Item) value.Value { return view.MainValue(item.get("result")) }),
		parsed,
		read("error", Item.problem), read("warning", Item.warning),
	}
}

// rowFields are those of the rows of a table: its columns, and the answers as new ones.
func rowFields() ([]*field, error) {
	kept, err := keptFields()
	if err != nil {
		return nil, err
	}
	kept.exact = true
	added := slices.DeleteFunc(defaultFields(), func(f *field) bool { return f.name == "item" || f.name == "index" })
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
