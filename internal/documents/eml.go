package documents

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // Decodes what is not UTF-8.
	"golang.org/x/text/encoding/charmap"
)

const maxMailDepth = 50 // Parts of a mail within each other.

// mail is what a mail consists of.
type mail struct {
	cost        *cost
	o           Options
	d           *Document
	texts       []string
	attachments []attachment
}

type attachment struct {
	name, kind string
	isNamed    bool // By its sender.
	data       []byte
}

func readEML(ctx context.Context, _ string, data []byte, o Options) (Document, error) {
	o.Limits = o.Limits.withDefaults()
	if len(bytes.TrimSpace(data)) == 0 {
		return Document{}, emptyFile()
	}
	head, err := message.Read(bytes.NewReader(withoutStrayLines(data)))
	if head == nil || err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
		return Document{}, damaged("a mail", "its header cannot be read")
	}
	var d Document
	r := &mail{cost: newCost(ctx, o, len(data)), o: o, d: &d}
	header := r.header(head.Header)
	if header == "" && !head.Header.Has("Content-Type") && !head.Header.Has("Mime-Version") {
		return Document{}, &Problem{Text: "is not a mail, as its name says", Hint: saveAnew}
	}
	if err := r.entity(head, 0); err != nil {
		return Document{}, err
	}
	numbers, err := o.selected(1 + len(r.attachments))
	if err != nil {
		return Document{}, err
	}
	for _, n := range numbers {
		if n == 1 {
			d.Parts = append(d.Parts, Part{Text: strings.TrimLeft(strings.Join(append([]string{header}, r.texts...), "\n\n"), "\n")})
		} else if err := r.attachment(ctx, r.attachments[n-2]); err != nil {
			return Document{}, err
		}
	}
	return d, r.cost.Err
}

// withoutStrayLines returns a mail without the lines of its header that are no fields, such as that of a mailbox file. A mail is readable
// in spite of them.
func withoutStrayLines(data []byte) []byte {
	data = bytes.TrimLeft(data, "\r\n\t ")
	var head []byte
	for rest := data; len(rest) > 0; {
		end := bytes.IndexByte(rest, '\n') + 1
		if end == 0 {
			end = len(rest)
		}
		line := rest[:end]
		name, _, is := bytes.Cut(line, []byte(":"))
		switch {
		case len(bytes.TrimSpace(line)) == 0:
			return append(head, rest...)
		case line[0] == ' ' || line[0] == '\t':
			if len(head) > 0 {
				head = append(head, line...)
			}
		case is && len(name) > 0 && !bytes.ContainsAny(name, " \t"):
			head = append(head, line...)
		}
		rest = rest[end:]
	}
	return head
}

// header returns the lines that a person sees above a mail.
func (r *mail) header(h message.Header) string {
	var lines []string
	for _, name := range []string{"From", "To", "Cc", "Date", "Subject"} {
		value, err := h.Text(name)
		if err != nil || !utf8.ValidString(value) {
			value = anyEncoding([]byte(h.Get(name)))
		}
		if value = strings.Join(strings.Fields(value), " "); value == "" {
			continue
		}
		lines = append(lines, name+": "+value)
		if name == "Subject" {
			r.d.Title = value
		} else {
			r.d.Metadata = append(r.d.Metadata, Property{strings.ToLower(name), value})
		}
	}
	return strings.Join(lines, "\n")
}

// anyEncoding returns text whose encoding is not declared: UTF-8 if it is, else that of most old mails.
func anyEncoding(data []byte) string {
	if utf8.Valid(data) {
		return string(data)
	}
	text, err := charmap.Windows1252.NewDecoder().Bytes(data)
	if err != nil {
		return strings.ToValidUTF8(string(data), "\uFFFD")
	}
	return string(text)
}

// entity takes the texts of a part and of the parts within it, and notes the attachments.
func (r *mail) entity(e *message.Entity, depth int) error {
	if err := r.cost.Check(); err != nil {
		return err
	}
	if depth > maxMailDepth {
		return &Problem{Text: fmt.Sprintf("has more than %d parts within each other", maxMailDepth), Hint: "save its attachments as files"}
	}
	kind, parameters, _ := e.Header.ContentType()
	kind = strings.ToLower(kind)
	disposition, file, _ := e.Header.ContentDisposition()
	name := file["filename"]
	if name == "" {
		name = parameters["name"]
	}
	isAttached := strings.EqualFold(disposition, "attachment") || name != "" && !strings.HasPrefix(kind, "multipart/")
	switch {
	case kind == "multipart/encrypted" || (kind == "application/pkcs7-mime" || kind == "application/x-pkcs7-mime") && strings.Contains(parameters["smime-type"], "enveloped"):
		return &Problem{Text: "is an encrypted mail", Hint: "decrypt it in the mail program, and save it again"}
	case kind == "multipart/alternative":
		return r.alternatives(e, depth)
	case strings.HasPrefix(kind, "multipart/"):
		return r.parts(e, func(part *message.Entity) error { return r.entity(part, depth+1) })
	case !isAttached && (kind == "text/plain" || kind == "" || kind == "text/html"):
		text, err := r.text(e, kind, parameters)
		if text != "" {
			r.texts = append(r.texts, text)
		}
		return err
	}
	return r.attach(e, name, kind)
}

// parts calls each for every part of a multipart entity. What follows a broken part cannot be read.
func (r *mail) parts(e *message.Entity, each func(*message.Entity) error) error {
	parts := e.MultipartReader()
	if parts == nil {
		return nil
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if part == nil || err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
			r.warnOnce("it ends too early, and may be incomplete")
			return nil
		}
		if err := each(part); err != nil {
			return err
		}
	}
}

func (r *mail) warnOnce(warning string) {
	if !slices.Contains(r.d.Warnings, warning) {
		r.d.Warnings = append(r.d.Warnings, warning)
	}
}

// alternatives takes one of several forms of the same text: the plain one if it has text, else the last one that has.
func (r *mail) alternatives(e *message.Entity, depth int) error {
	outer := r.texts
	var chosen []string
	isPlain := false
	err := r.parts(e, func(part *message.Entity) error {
		r.texts = nil
		if err := r.entity(part, depth+1); err != nil {
			return err
		}
		kind, _, _ := part.Header.ContentType()
		if len(r.texts) > 0 && !isPlain {
			chosen = r.texts
			isPlain = kind == "text/plain" || kind == ""
		}
		return nil
	})
	r.texts = append(outer, chosen...)
	return err
}

// content returns the bytes of a part. A broken encoding ends them.
func (r *mail) content(e *message.Entity) []byte {
	data, err := io.ReadAll(e.Body)
	if err != nil {
		r.warnOnce("a part of it is damaged, and may be incomplete")
	}
	return data
}

func (r *mail) text(e *message.Entity, kind string, parameters map[string]string) (string, error) {
	content := r.content(e)
	r.cost.spendText(len(content))
	if kind != "text/html" {
		text := unixLines(anyEncoding(content))
		if strings.EqualFold(parameters["format"], "flowed") {
			text = flowed(text, strings.EqualFold(parameters["delsp"], "yes"))
		}
		if strings.TrimSpace(text) == "" {
			text = ""
		}
		return strings.Trim(text, "\n"), nil
	}
	page := []byte(anyEncoding(content))
	if parameters["charset"] == "" && !utf8.Valid(content) {
		var err error
		if page, err = decodeHTML(content, ""); err != nil {
			return "", err
		}
	}
	var of Document
	reader := &htmlReader{m: newMarkdown(r.cost), d: &of, images: r.o.Images}
	text, err := reader.read(page)
	r.d.Images = append(r.d.Images, of.Images...)
	return text, err
}

// flowed joins lines that end with a blank, which a mail program broke, as RFC 3676 has it.
func flowed(text string, withoutBlank bool) string {
	var to strings.Builder
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		isSignature := line == "-- "
		if !strings.HasPrefix(line, ">") {
			line = strings.TrimPrefix(line, " ")
		}
		isSoft := strings.HasSuffix(line, " ") && !isSignature && i+1 < len(lines)
		if isSoft && withoutBlank {
			line = line[:len(line)-1]
		}
		to.WriteString(line)
		if !isSoft && i+1 < len(lines) {
			to.WriteByte('\n')
		}
	}
	return to.String()
}

// attach notes an attachment. Images within the text are only taken where images are wanted.
func (r *mail) attach(e *message.Entity, name, kind string) error {
	if len(r.attachments) >= r.cost.limits.Parts {
		return &Problem{Text: fmt.Sprintf("has more than %d attachments", r.cost.limits.Parts), Hint: "save its attachments as files"}
	}
	data := r.content(e)
	if strings.HasPrefix(kind, "image/") {
		if r.o.Images {
			r.d.Images = append(r.d.Images, Image{Type: kind, Data: data})
		}
		if e.Header.Get("Content-Id") != "" || name == "" {
			return nil
		}
	}
	isNamed := name != ""
	if !isNamed {
		name = fmt.Sprintf("attachment %d%s", len(r.attachments)+1, extensionOf[kind])
	}
	r.attachments = append(r.attachments, attachment{path.Base(strings.ReplaceAll(name, `\`, "/")), kind, isNamed, data})
	return nil
}

// extensionOf is how attachments without a name would be called.
var extensionOf = map[string]string{"message/rfc822": ".eml", "text/plain": ".txt", "text/html": ".html", "text/csv": ".csv", "text/calendar": ".txt"}

// attachment appends an attachment as a part, and its own as parts too. One that cannot be read is named.
func (r *mail) attachment(ctx context.Context, a attachment) error {
	inner, is := r.o.deeper()
	if !is {
		r.d.Warnings = append(r.d.Warnings, fmt.Sprintf("attachment %q is not read: it is within too many others", a.name))
		r.d.Parts = append(r.d.Parts, Part{Kind: "attachment", Name: a.name})
		return nil
	}
	inner.Limits.Text = max(r.cost.text, 1)
	name := a.name
	if extension := extensionOf[a.kind]; extension != "" && path.Ext(name) == "" || a.kind == "message/rfc822" {
		name += extension
	}
	of, err := Read(ctx, name, a.data, inner)
	var problem *Problem
	switch {
	case errors.As(err, &problem):
		r.d.Warnings = append(r.d.Warnings, fmt.Sprintf("attachment %q %s", a.name, problem.Text))
	case err != nil:
		return err
	}
	if !a.isNamed && of.Title != "" {
		a.name = of.Title
	}
	var own []string
	var within []Part
	for _, part := range of.Parts {
		switch {
		case part.Kind == "attachment":
			within = append(within, Part{Kind: part.Kind, Name: a.name + "/" + part.Name, Text: part.Text})
		case part.Kind == "sheet" && part.Name != "" && len(of.Parts) > 1:
			own = append(own, "## "+part.Name, part.Text)
		case part.Text != "":
			own = append(own, part.Text)
		}
	}
	for _, warning := range of.Warnings {
		r.d.Warnings = append(r.d.Warnings, fmt.Sprintf("attachment %q: %s", a.name, warning))
	}
	for _, image := range of.Images {
		image.Part = len(r.d.Parts)
		r.d.Images = append(r.d.Images, image)
	}
	r.d.Parts = append(r.d.Parts, Part{Kind: "attachment", Name: a.name, Text: strings.Join(own, "\n\n")})
	r.d.Parts = append(r.d.Parts, within...)
	r.cost.spendText(len(of.Text()))
	return r.cost.Err
}
