package reference

import (
	"path"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// IsFilePart reports whether the step leads to a part of a file's path.
func (s Step) IsFilePart() bool {
	return s.named() && (s.name() == "name" || s.name() == "stem" || s.name() == "dir")
}

// IsModel reports whether the step leads from a file to the model that is asked about it.
func (s Step) IsModel() bool { return s.named() && s.name() == "model" }

// IsText reports whether the step leads from a file to the text of its document, or to the texts of its pages.
func (s Step) IsText() bool { return s.named() && (s.name() == "text" || s.name() == "pages") }

// isDocumentPart reports whether the step leads to something that only the document in the file says.
func (s Step) isDocumentPart() bool { return s.IsText() || s.named() && s.name() == "title" }

// CheckDocument reports whether a path from a file leads into its document, and what is wrong with it: `title`, `text`, `pages`, and of a
// page its `text`, `name` and `kind`.
func CheckDocument(steps []Step) (is bool, message, hint string) {
	if len(steps) == 0 || !steps[0].isDocumentPart() {
		return false, "", ""
	}
	const hintPages = "use ${item.text}, ${item.title}, ${item.pages}, or ${item.pages[0].text} for the first page"
	switch rest := steps[1:]; {
	case len(rest) == 0:
	case steps[0].name() != "pages":
		return true, "a text has no fields", hintPages
	case !rest[0].IsIndex && !rest[0].Every:
		return true, "the pages are a list", hintPages
	case len(rest) > 2, len(rest) == 2 && (!rest[1].named() || !slices.Contains([]string{"text", "name", "kind"}, rest[1].name())):
		return true, "a page has a text, a name and a kind", hintPages
	}
	return true, "", ""
}

// document returns the document of an item, for a reference to it.
func (s *Scope) document(ref *Reference, file string) (value.Value, *lookupError, error) {
	if s.Document == nil {
		return value.Value{}, &lookupError{message: "the text of a file is only available in parameters"}, nil
	}
	if _, wrong, hint := CheckDocument(ref.Steps); wrong != "" {
		return value.Value{}, &lookupError{message: wrong, hint: hint}, nil
	}
	v, err := s.Document(file)
	if err != nil {
		return v, nil, err
	}
	if text, _ := v.Get("text"); ref.Steps[0].IsText() && strings.TrimSpace(text.Text()) == "" {
		return v, &lookupError{absent: true, message: "file " + quote(file) + " has no text",
			hint: "if it is a scan, write file_path: \"${item}\" and on_no_text: vision, or give a default: ${item.text:-…}"}, nil
	}
	return v, nil, nil
}

// partOf returns what a step leads to from a file: of /a/b.tar.gz the name is b.tar.gz, the stem b.tar, the dir /a.
func partOf(file string, step Step) (value.Value, *lookupError) {
	if !step.IsFilePart() {
		return value.Value{}, &lookupError{
			message: "an item that is a file has no such part", hint: "${item} is its path; there are ${item.name}, ${item.stem}, ${item.dir}, ${item.text}, ${item.title} and ${item.pages}",
		}
	}
	name := path.Base(file)
	switch step.name() {
	case "stem":
		if stem := strings.TrimSuffix(name, path.Ext(name)); stem != "" {
			name = stem // Of .profile, all is the extension; its stem is the name.
		}
	case "dir":
		name = path.Dir(file)
	}
	return value.String(name), nil
}
