package export

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/completion"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// AddFlags adds the flags of what is written and how.
func (o *Options) AddFlags(flags *pflag.FlagSet) {
	o.flags = flags
	flags.StringVar(&o.Fields, "fields", "", "fields of each item, separated by commas: item, index, status, result.response, result.parsed.*, error.message, duration, … (default all; of a table the usual columns)")
	flags.StringVar(&o.Only, "only", "", "status of the items: completed, failed or skipped (default all)")
	completion.Limit(flags, "only", string(protocol.Completed), string(protocol.Failed), string(protocol.Skipped))
	flags.BoolVar(&o.Keep, "keep", false, "add the columns of the input to a table, and to --fields")
	flags.BoolVar(&o.Raw, "raw", false, "leave cells of CSV and TSV that begin with =, +, - or @ as they are; a spreadsheet may run them")
	flags.StringVar(&o.Errors, "errors", "", "`file` for the requests of a request file without an answer, beside --output (default FILE.errors.jsonl)")
	flags.BoolVar(&o.BOM, "bom", false, "begin CSV and TSV with a byte order mark, which Excel needs")
}

// Check reports options that are not valid.
func (o *Options) Check() error {
	if err := o.checkEmpty(); err != nil {
		return err
	}
	switch protocol.Status(o.Only) {
	case "", protocol.Completed, protocol.Failed, protocol.Skipped:
	default:
		return fmt.Errorf("--only %q is not one of completed, failed, skipped", o.Only)
	}
	for _, flag := range []struct {
		name  string
		given bool
	}{{"bom", o.BOM}, {"raw", o.Raw}} {
		if flag.given && !o.format().delimited {
			return fmt.Errorf("--%s is for CSV and TSV, and the format is %s", flag.name, o.Format)
		}
	}
	if err := o.checkResponses(); err != nil {
		return err
	}
	_, err := o.selected(false, false)
	return err
}

// checkEmpty reports a flag with an empty text, such as that of an unset variable of a shell: it would have no effect.
func (o *Options) checkEmpty() error {
	if o.flags == nil {
		return nil
	}
	for _, name := range []string{"fields", "only", "errors", "output"} {
		flag := o.flags.Lookup(name)
		switch {
		case flag == nil || !flag.Changed:
		case name == "fields" && len(splitFields(flag.Value.String())) == 0:
			return fmt.Errorf("--fields %q names no field; leave it out for all", flag.Value.String())
		case flag.Value.String() == "":
			return fmt.Errorf("--%s is empty; leave it out for its default", name)
		}
	}
	return nil
}

// ErrKeepFiles is the error of --keep where the items are files.
var ErrKeepFiles = errors.New("--keep is for items with fields, such as the rows of a table, and the items are files; --fields item.name,… has the names of files")

// checkKept reports --keep where no item has fields.
func (o *Options) checkKept(ctx context.Context, task *view.Task, records *Records) error {
	if !o.Keep || records.requests || task.Rows {
		return nil
	}
	if !task.Values {
		return ErrKeepFiles
	}
	some := false
	for _, page := range records.pages {
		items, err := records.itemsOf(ctx, page)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(items, func(item value.Value) bool { return item.Kind() == value.KindObject }) {
			return nil
		}
		some = some || len(items) > 0
	}
	if !some {
		return nil
	}
	return fmt.Errorf("--keep is for items with fields, and no item of task %q is an object", task.ID)
}
