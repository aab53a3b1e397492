package view

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// largeText is the number of bytes from which a text is written piece by piece: encoding/json copies all of a document several
// times.
const largeText = 1 << 20

// outline replaces large texts by marks.
type outline struct {
	mark  string // No text has it.
	texts []string
}

// WriteRun writes the document of a run with an encoder of JSON, without copies of its large texts.
func WriteRun(to io.Writer, r *Run, encode func(io.Writer, any)) {
	o := outline{mark: rand.Text()}
	document := *r
	document.Outputs = o.of(r.Outputs)
	document.Tasks = nil
	for i := range r.Tasks {
		document.Tasks = append(document.Tasks, o.task(r.Tasks[i]))
	}
	o.write(to, document, encode)
}

// WriteTask is WriteRun for a task.
func WriteTask(to io.Writer, t *Task, encode func(io.Writer, any)) {
	o := outline{mark: rand.Text()}
	o.write(to, o.task(*t), encode)
}

// WriteValue is WriteRun for a value.
func WriteValue(to io.Writer, v value.Value, encode func(io.Writer, any)) {
	o := outline{mark: rand.Text()}
	o.write(to, o.of(v), encode)
}

func (o *outline) task(t Task) Task {
	if t.Result != nil {
		result := o.of(*t.Result)
		t.Result = &result
	}
	return t
}

func (o *outline) of(v value.Value) value.Value {
	switch v.Kind() {
	case value.KindString:
		if len(v.Text()) >= largeText {
			o.texts = append(o.texts, v.Text())
			return value.String(fmt.Sprintf("%s-%d", o.mark, len(o.texts)-1))
		}
	case value.KindList:
		elements := make([]value.Value, len(v.Elements()))
		for i, element := range v.Elements() {
			elements[i] = o.of(element)
		}
		return value.List(elements...)
	case value.KindObject:
		fields := make([]value.Field, len(v.Fields()))
		for i, field := range v.Fields() {
			fields[i] = value.Field{Name: field.Name, Value: o.of(field.Value)}
		}
		return value.Object(fields...)
	}
	return v
}

// write encodes the document and puts the texts in place of their marks. Errors are noticed by the writer.
func (o *outline) write(to io.Writer, document any, encode func(io.Writer, any)) {
	if len(o.texts) == 0 {
		encode(to, document)
		return
	}
	var encoded bytes.Buffer
	encode(&encoded, document)
	var piece []byte
	rest := encoded.Bytes()
	for i, text := range o.texts {
		before, after, _ := bytes.Cut(rest, fmt.Appendf(nil, "%s-%d\"", o.mark, i))
		_, err := to.Write(before)
		for len(text) > 0 && err == nil {
			end := min(64<<10, len(text))
			for end < len(text) && end > 0 && !utf8.RuneStart(text[end]) {
				end--
			}
			if end == 0 {
				end = min(64<<10, len(text)) // No UTF-8.
			}
			piece = value.String(text[:end]).AppendJSON(piece[:0])
			_, err = to.Write(piece[1 : len(piece)-1])
			text = text[end:]
		}
		if err != nil {
			return
		}
		rest = append([]byte{'"'}, after...)
	}
	_, _ = to.Write(rest)
}
