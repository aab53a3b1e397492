// Package document is the text of a prompt that is cut if the prompt is too long, and how it is cut. It knows no server and no model.
package document

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// File is a file whose text goes into a prompt.
type File struct {
	Path string
	Name string // Heading of a file in `files`; empty for `file_path`.
	Text string
}

// Join joins the texts of files; those of a list get their name as a heading.
func Join(files []File) string {
	var parts []string
	for _, file := range files {
		switch {
		case file.Name != "":
			parts = append(parts, "# "+file.Name+"\n\n"+file.Text)
		case file.Text != "":
			parts = append(parts, file.Text)
		}
	}
	return strings.Join(parts, "\n\n")
}

// Form is what is sent of a text. The zero value is all of it.
type Form struct {
	Kept    float64 // Share of the text; 0 = all.
	Instead string  // Sent instead of it: one of its parts, or notes about all of them.
}

// Attached is the text that is cut if a prompt is too long: that of files in the last message of the user, never the question; or,
// without files, the longest message of the user.
type Attached struct {
	At     int    // Index of the message.
	Before string // Text of the message before the files.
	Files  []File
	Prompt string // The message, if there are no files. Its middle is cut: the question is at its beginning or at its end.
	Size   int    // Of the files or the prompt, in bytes.
}

// Text is the text of the message.
func (a *Attached) Text(f Form) string {
	share := cmp.Or(f.Kept, 1)
	switch {
	case f.Instead != "":
		return a.Before + f.Instead
	case a.Files == nil:
		return withoutMiddle(a.Prompt, share)
	}
	files := slices.Clone(a.Files)
	for i := range files {
		files[i].Text = FirstPart(files[i].Text, share)
	}
	return a.Before + Join(files)
}

// Names lists the files.
func (a *Attached) Names() string {
	names := make([]string, len(a.Files))
	for i, file := range a.Files {
		names[i] = fmt.Sprintf("%q", file.Path)
	}
	return strings.Join(names, ", ")
}

// withoutMiddle returns a share of a text: half of it from the beginning, and half from the end.
func withoutMiddle(text string, share float64) string {
	if share >= 1 {
		return text
	}
	end := len(text) - int(float64(len(text))*share/2)
	for end < len(text) && !utf8.RuneStart(text[end]) {
		end++
	}
	return FirstPart(text, share/2) + "\n[…]\n" + text[end:]
}

// FirstPart returns a share of a text, up to the end of a word if there is one nearby.
func FirstPart(text string, share float64) string {
	end := int(float64(len(text)) * share)
	if end >= len(text) {
		return text
	}
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	const near, spaces = 40, " \n\t"
	if strings.IndexByte(spaces, text[end]) >= 0 {
		return text[:end]
	}
	if space := strings.LastIndexAny(text[:end], spaces); space > end-near && space > 0 {
		end = space
	}
	return text[:end]
}
