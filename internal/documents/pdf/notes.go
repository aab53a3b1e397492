package pdf

import (
	"strings"

	"github.com/klippa-app/go-pdfium/enums"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
)

// mostNotes is how many fields and notes of a page are looked at for a text without a picture of it.
const mostNotes = 2000

// unpainted returns the text of fields and notes that have no picture of their own: programs that fill in forms leave it to the viewer to
// paint them. The characters stand where the field stands.
func (p Document) unpainted(page requests.Page, count int) ([]glyph, error) {
	var all []glyph
	for i := range min(count, mostNotes) {
		note, err := p.reader.FPDFPage_GetAnnot(&requests.FPDFPage_GetAnnot{Page: page, Index: i})
		if isTrap(err) {
			return nil, err
		}
		if err != nil {
			continue // A broken one does not hide the others.
		}
		text, err := p.unpaintedText(note.Annotation)
		if err == nil && text != "" {
			at, rectErr := p.reader.FPDFAnnot_GetRect(&requests.FPDFAnnot_GetRect{Annotation: note.Annotation})
			if rectErr == nil {
				all = append(all, typed(text, float64(at.Rect.Left), float64(at.Rect.Bottom), float64(at.Rect.Top))...)
			}
			err = rectErr
		}
		if isTrap(err) {
			return nil, err
		}
		if _, err := p.reader.FPDFPage_CloseAnnot(&requests.FPDFPage_CloseAnnot{Annotation: note.Annotation}); isTrap(err) {
			return nil, err
		}
	}
	return all, nil
}

// unpaintedText returns what a viewer would paint for a field or a note; empty if that is nothing.
func (p Document) unpaintedText(note references.FPDF_ANNOTATION) (string, error) {
	kind, err := p.reader.FPDFAnnot_GetSubtype(&requests.FPDFAnnot_GetSubtype{Annotation: note})
	if err != nil {
		return "", err
	}
	key := ""
	switch kind.Subtype {
	case enums.FPDF_ANNOT_SUBTYPE_WIDGET:
		key = "V"
	case enums.FPDF_ANNOT_SUBTYPE_FREETEXT:
		key = "Contents"
	default:
		return "", nil
	}
	painted, err := p.reader.FPDFAnnot_HasKey(&requests.FPDFAnnot_HasKey{Annotation: note, Key: "AP"})
	if err != nil || painted.HasKey {
		return "", err
	}
	flags, err := p.reader.FPDFAnnot_GetFlags(&requests.FPDFAnnot_GetFlags{Annotation: note})
	if err != nil || flags.Flags&(enums.FPDF_ANNOT_FLAG_HIDDEN|enums.FPDF_ANNOT_FLAG_NOVIEW|enums.FPDF_ANNOT_FLAG_INVISIBLE) != 0 {
		return "", err
	}
	const password = 1 << 13 // A field that shows stars.
	if of, err := p.reader.FPDFAnnot_GetNumberValue(&requests.FPDFAnnot_GetNumberValue{Annotation: note, Key: "Ff"}); err == nil && int(of.Value)&password != 0 {
		return "", nil
	}
	text, err := p.reader.FPDFAnnot_GetStringValue(&requests.FPDFAnnot_GetStringValue{Annotation: note, Key: key})
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(strings.ToValidUTF8(text.Value, "\uFFFD")), nil
}

// typed returns the characters of a text in a box: one line in its middle, several from its top.
func typed(text string, left, bottom, top float64) []glyph {
	const width, height, pitch = 5.0, 8.0, 12.0
	glyphs := []glyph{{char: '\n'}}
	base := (bottom+top)/2 - height/2
	if strings.ContainsAny(text, "\r\n") {
		base = top - pitch
	}
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	x := left
	for _, r := range text {
		if r == '\n' {
			x, base = left, base-pitch
			glyphs = append(glyphs, glyph{char: '\n'})
			continue
		}
		glyphs = append(glyphs, glyph{char: r, left: x, right: x + width, bottom: base, top: base + height})
		x += width
	}
	return glyphs
}
