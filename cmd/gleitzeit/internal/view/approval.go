package view

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Approval is what a task asks people that waits for the answer.
type Approval struct {
	Message string       `json:"message"`
	Since   time.Time    `json:"since"`
	Until   *time.Time   `json:"until,omitempty"`   // Nil: it waits until somebody answers.
	Schema  *value.Value `json:"schema,omitempty"`  // JSON Schema of the values that may be entered; nil: none may.
	Default *value.Value `json:"default,omitempty"` // Values that count after Until; nil: the task fails then.
	Approve string       `json:"approve"`           // The command that approves. Values are in capitals.
	Reject  string       `json:"reject"`            // The command that rejects.
}

// ReadApproval reads what a task of a run asks.
func ReadApproval(ctx context.Context, store resultstore.Store, run, task string, ref protocol.Ref) (*Approval, error) {
	stored, err := resultstore.Load(ctx, store, protocol.Payload{Ref: &ref})
	if err != nil {
		return nil, err
	}
	var asked protocol.Approval
	if err := json.Unmarshal(stored.JSON(), &asked); err != nil {
		return nil, err
	}
	a := &Approval{Message: asked.Message, Since: asked.Since.UTC(), Schema: asked.Schema, Default: asked.Default}
	if !asked.Until.IsZero() {
		until := asked.Until.UTC()
		a.Until = &until
	}
	words := []string{"approve", run, task}
	a.Reject = "gleitzeit " + ShellWords(words...) + ` --reject "WHY"`
	a.Approve = "gleitzeit " + ShellWords(words...)
	for _, one := range a.entries() {
		if one.required && one.otherwise == nil {
			a.Approve += " --set " + ShellWords(one.name+"="+strings.ToUpper(one.kind))
		}
	}
	return a, nil
}

// enteredValue is a value that may be entered.
type enteredValue struct {
	name, kind string
	required   bool
	otherwise  *value.Value // What counts where it is not entered; nil: nothing.
}

// entries returns the values that may be entered, as far as the schema names them.
func (a *Approval) entries() (all []enteredValue) {
	if a.Schema == nil {
		return nil
	}
	properties, _ := a.Schema.Get("properties")
	required, _ := a.Schema.Get("required")
	for _, property := range properties.Fields() {
		one := enteredValue{name: property.Name, kind: "value"}
		if kind, _ := property.Value.Get("type"); kind.Kind() == value.KindString {
			one.kind = kind.Text()
		}
		if otherwise, has := property.Value.Get("default"); has && !otherwise.IsNull() {
			one.otherwise = &otherwise
		}
		one.required = slices.ContainsFunc(required.Elements(), func(name value.Value) bool { return name.Text() == property.Name })
		all = append(all, one)
	}
	return all
}

// Text returns lines about what is asked, and about how to answer.
func (a *Approval) Text(indent string) string {
	lines := strings.Split(strings.TrimRight(value.VisibleLines(a.Message), "\n"), "\n")
	var values []string
	for _, one := range a.entries() {
		text := value.Visible(one.name) + " (" + value.Visible(one.kind)
		switch {
		case one.otherwise != nil:
			text += ", default " + value.Visible(string(one.otherwise.JSON()))
		case !one.required:
			text += ", optional"
		}
		values = append(values, text+")")
	}
	if len(values) > 0 {
		lines = append(lines, "values: "+strings.Join(values, ", "))
	}
	if a.Until != nil {
		then := "the task fails"
		if a.Default != nil {
			then = "the default counts: " + value.VisibleLines(string(a.Default.JSON()))
		}
		lines = append(lines, fmt.Sprintf("until %s; then %s", clock(*a.Until), then))
	}
	lines = append(lines, "approve: "+value.VisibleLines(a.Approve), "reject:  "+value.VisibleLines(a.Reject))
	return indent + strings.Join(lines, "\n"+indent) + "\n"
}

// Line returns what the task waits for, to follow its name.
func (a *Approval) Line() string { return "waiting for an approval since " + clock(a.Since) }

// clock returns a time for people.
func clock(at time.Time) string { return at.Local().Format(time.DateTime) }
