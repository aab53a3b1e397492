package export

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Writer writes items in one format. Memory does not depend on how many there are.
type Writer interface {
	Write(item Item) error
	// Close writes what follows the last item. The file or stream stays open.
	Close() error
}

// document is what a Writer is opened with.
type document struct {
	batch   *view.Batch
	about   interface{ MarkdownHeading() string } // Of the batch; it is encoded as an object.
	fields  []*field                              // Nil: the whole entries.
	columns []*column                             // Of a table.
	source  *protocol.Table                       // The table whose rows the items are, which is written again; nil: there is none.
	options *Options
	notes   []string // What of the items the format does not have, for people.
}

// format is a format of exports.
type format struct {
	names     []string // The first is shown.
	endings   []string // Of files.
	table     bool     // It has columns, for which all items are read before the first is written.
	rows      bool     // The rows of a table stay rows of the same columns.
	delimited bool     // It is text that a spreadsheet guesses the types of.
	binary    bool     // It is no text, which a terminal would take for commands.
	open      func(io.Writer, *document) (Writer, error)
}

// formatJSON is the name of the format whose documents have the run, with its items as the last field.
const formatJSON = "json"

// formats are all of them.
var formats = []format{
	{names: []string{"text"}, open: newText},
	{names: []string{formatJSON}, endings: []string{".json"}, open: newJSON},
	{names: []string{"jsonl"}, endings: []string{".jsonl", ".ndjson"}, rows: true, open: newJSONL},
	{names: []string{"csv"}, endings: []string{".csv"}, table: true, rows: true, delimited: true, open: newCSV},
	{names: []string{"tsv"}, endings: []string{".tsv", ".tab"}, table: true, rows: true, delimited: true, open: newTSV},
	{names: []string{"xlsx"}, endings: []string{".xlsx"}, table: true, rows: true, binary: true, open: newWorkbook},
	{names: []string{"markdown", "md"}, endings: []string{".md", ".markdown"}, open: newMarkdown},
	{names: []string{Responses}, open: newResponses},
	{names: []string{"parquet"}, endings: []string{".parquet"}, table: true, rows: true, binary: true, open: newParquet},
}

// FormatOf returns the name of a format by one of its names; false if there is none.
func FormatOf(name string) (string, bool) {
	at := slices.IndexFunc(formats, func(f format) bool { return slices.Contains(f.names, name) })
	if at < 0 {
		return "", false
	}
	return formats[at].names[0], true
}

// isBinary reports whether a format is no text.
func isBinary(name string) bool {
	return slices.ContainsFunc(formats, func(f format) bool { return f.binary && slices.Contains(f.names, name) })
}

// FormatOfFile returns the name of the format that the ending of a file selects; text for any other.
func FormatOfFile(file string) string {
	ending := strings.ToLower(filepath.Ext(file))
	at := slices.IndexFunc(formats, func(f format) bool { return slices.Contains(f.endings, ending) })
	return formats[max(at, 0)].names[0]
}

// otherFormats are endings of files whose format is another one.
var otherFormats = []string{
	".xlsm", ".xls", ".ods", ".docx", ".doc", ".odt", ".rtf", ".pptx", ".ppt", ".odp", ".pdf", ".epub", ".html", ".htm", ".xml", ".yaml", ".yml", ".toml",
	".gz", ".zip", ".zst", ".bz2", ".xz", ".db", ".sqlite", ".avro", ".orc", ".arrow", ".feather", ".png", ".jpg", ".jpeg",
}

// textEndings are those of text, and of names that say nothing about a format.
var textEndings = []string{"", ".txt", ".text", ".log", ".out"}

// isEnding matches what may name a format: a number, or a date, does not.
var isEnding = regexp.MustCompile(`^\.[a-z][a-z0-9]*$`)

// CheckFile reports a file whose ending does not select a format that results are written in, or selects another one than --format.
func (o *Options) CheckFile(file string) error {
	ending := strings.ToLower(filepath.Ext(file))
	at := slices.IndexFunc(formats, func(f format) bool { return slices.Contains(f.endings, ending) })
	unknown := !slices.Contains(otherFormats, ending)
	switch {
	case at >= 0 && o.Named && !fits(o.Format, formats[at].names[0]):
		return fmt.Errorf("--format %s and --output %q cannot be combined: a file with the ending %s is of the format %s", o.Format, file, ending, formats[at].names[0])
	case at >= 0, unknown && (o.Named || slices.Contains(textEndings, ending) || !isEnding.MatchString(ending) || ending == strings.ToLower(filepath.Base(file))):
		return nil
	}
	var endings []string
	for _, f := range formats {
		endings = append(endings, f.endings...)
	}
	err := fmt.Errorf("--output %q: results are not written as %s; the formats of files are %s, and text for names such as results.txt", file, ending, strings.Join(endings, ", "))
	if unknown {
		err = fmt.Errorf("%w; --format selects the format of a file with any other ending", err)
	}
	return err
}

// fits reports whether the lines of a format may be in a file with the ending of another one.
func fits(format, ofEnding string) bool {
	switch format {
	case Responses:
		return ofEnding == FormatOfFile(".jsonl")
	case FormatOfFile(""):
		return ofEnding == FormatOfFile(".md")
	}
	return format == ofEnding
}

// Formats returns the names of the formats.
func Formats() (names []string) {
	for _, f := range formats {
		names = append(names, f.names[0])
	}
	return names
}

// FormatNames lists the formats for people.
func FormatNames() string {
	names := Formats()
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// Options are what to write of the items, and how.
type Options struct {
	Format  string // The first name of a format.
	Named   bool   // The format was named; otherwise that of the file depends on the items.
	Fields  string // Separated by commas; empty is everything, or, of a table, the usual columns.
	Only    string // A status; empty is all.
	Keep    bool   // The columns of the input come along.
	Raw     bool   // Cells that a spreadsheet would take for formulas stay as they are.
	BOM     bool   // CSV begins with a byte order mark, also where the table of the items does not.
	Ordered bool   // A file that grows is in the order of the items.
	Errors  string // File for the requests without an answer, of the format Responses; empty is a name like that of the output.

	flags   *pflag.FlagSet // Those with these options; nil: they were not typed.
	decided bool           // It is known whether the items are requests.

	inFile bool // They are written into a file of their own.
	asList bool // That is JSON, of the rows of a table: a list of them.

	part  part // Which lines are written.
	brief bool // As text, items that were skipped are counted after some,
	width int  // and what is said of items is broken between words for a terminal of so many columns; 0 is no limit.
}

// selected returns the fields; nil for whole entries. Rows, the items of a table, are written as one. With models, items name theirs.
func (o *Options) selected(rows, models bool) ([]*field, error) {
	fields, err := parseFields(o.Fields)
	if err != nil {
		return nil, err
	}
	if len(fields) == 0 && rows && (o.Keep || o.format().rows || o.asList) {
		return rowFields()
	}
	if len(fields) == 0 && !o.format().table {
		return nil, nil
	}
	if len(fields) == 0 {
		fields = defaultFields(models)
	}
	if !o.Keep {
		return fields, nil
	}
	kept, err := keptFields()
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(fields, func(f *field) bool { return f.name == "item" && !f.every }) + 1
	return slices.Insert(fields, at, kept), nil
}

func (o *Options) format() format {
	at := slices.IndexFunc(formats, func(f format) bool { return f.names[0] == o.Format })
	return formats[max(at, 0)]
}

// wants reports whether the item is written.
func (o *Options) wants(item Item) bool {
	if o.part != allLines && isAnswered(item) != (o.part == answered) {
		return false
	}
	return o.Only == "" || string(item.Status) == o.Only
}

// Render writes items in a format. It returns notes about --fields, such as names that no item has. A table is read twice.
func Render(ctx context.Context, items Items, about *view.Batch, o *Options, to io.Writer) (notes []string, err error) {
	return renderItems(ctx, items, about, about, o, to)
}

// renderItems is Render with another document of the batch in place of its own.
func renderItems(ctx context.Context, items Items, batch *view.Batch, about interface{ MarkdownHeading() string }, o *Options, to io.Writer) (notes []string, err error) {
	var source *protocol.Table
	if batch.Rows {
		source = items.Table()
	}
	shown := *o
	shown.asList = o.Format == formatJSON && o.inFile && source != nil
	o = &shown
	fields, err := o.selected(batch.Rows, batch.Models)
	if err != nil {
		return nil, err
	}
	for _, f := range fields {
		f.resolve(batch.Answers)
	}
	d := &document{batch: batch, about: about, fields: fields, source: source, options: o}
	if records, is := items.(*Records); is {
		records.only = protocol.Status(o.Only)
	}
	if o.format().table {
		columns := newColumns(fields, d.source)
		err := items.Each(ctx, func(item Item) error {
			if !o.wants(item) {
				return nil
			}
			return columns.add(item)
		})
		if err != nil {
			return nil, err
		}
		d.columns = columns.list()
	}
	out := bufio.NewWriterSize(to, 64<<10)
	writer, err := o.format().open(out, d)
	if err != nil {
		return nil, err
	}
	err = items.Each(ctx, func(item Item) error {
		if !o.wants(item) {
			return nil
		}
		return writer.Write(item)
	})
	if err == nil {
		err = writer.Close()
	}
	if err == nil {
		err = out.Flush()
	}
	for _, f := range fields {
		if note := f.note(); note != "" && o.Fields != "" {
			notes = append(notes, note)
		}
	}
	return append(notes, d.notes...), err
}

// Print writes the items of a task of a run that has ended, in their order, for people who have waited for them, on a terminal of a width in
// columns; 0: it is none.
func Print(ctx context.Context, store resultstore.Store, about *view.Batch, task string, o *Options, to io.Writer, width int) (notes []string, err error) {
	records, err := OpenRecords(ctx, store, about.Run, task, false)
	if err != nil {
		return nil, err
	}
	shown := *o
	shown.brief, shown.width = o.Only == "", width
	return Render(ctx, records, about, &shown, to)
}

// row returns the selected fields of an item, by name.
func (d *document) row(item Item) value.Value {
	if d.fields == nil {
		return item.Entry
	}
	var row []value.Field
	taken := map[string]bool{}
	add := func(name string, v value.Value) {
		unique := name
		for n := 2; taken[unique]; n++ {
			unique = fmt.Sprintf("%s (%d)", name, n)
		}
		taken[unique] = true
		row = append(row, value.Field{Name: unique, Value: v})
	}
	for _, f := range d.fields {
		found := f.value(item)
		if !f.every {
			add(f.name, found)
			continue
		}
		for _, one := range found.Fields() {
			name := keyed(f.name, one.Name)
			if f.kept {
				name = one.Name
			}
			add(name, one.Value)
		}
	}
	return value.Object(row...)
}

// Notes returns the lines about what was written, for people.
func Notes(o *Options, file string, ofFields []string) (lines []string) {
	lines = append(lines, ofFields...)
	if file == "" {
		return lines
	}
	if errorFile := o.ErrorFile(file); hasContent(errorFile) {
		if !hasContent(file) {
			return append(lines, fmt.Sprintf("wrote the requests to %s: none of them has an answer, and %s is empty", errorFile, file))
		}
		lines = append(lines, "wrote the requests without an answer to "+errorFile)
	}
	return append(lines, "wrote the results to "+file)
}

func hasContent(file string) bool {
	info, err := os.Stat(file)
	return file != "" && err == nil && info.Size() > 0
}
