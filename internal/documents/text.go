package documents

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	textunicode "golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// encodings are those that a byte order mark announces. That of UTF-32 begins with that of UTF-16, and comes first.
var encodings = []struct {
	name, mark string
	encoding   encoding.Encoding
}{
	{"UTF-8", "\xef\xbb\xbf", encoding.Nop},
	{"UTF-32", "\xff\xfe\x00\x00", utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM)},
	{"UTF-32", "\x00\x00\xfe\xff", utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM)},
	{"UTF-16", "\xff\xfe", utf16In(textunicode.LittleEndian)},
	{"UTF-16", "\xfe\xff", utf16In(textunicode.BigEndian)},
}

func utf16In(order textunicode.Endianness) encoding.Encoding {
	return textunicode.UTF16(order, textunicode.IgnoreBOM)
}

// PlainText returns the text of a file, without a byte order mark: UTF-8, and UTF-16 and UTF-32, those without a mark where it is sure.
// Its error is a *Problem.
func PlainText(data []byte) (string, error) {
	for _, e := range encodings {
		rest, is := bytes.CutPrefix(data, []byte(e.mark))
		if !is {
			continue
		}
		text, valid := decode(e.encoding, rest)
		switch {
		case !valid:
			return "", &Problem{"begins as " + e.name + " text, and is not", "convert it to UTF-8"}
		case strings.ContainsRune(text, 0):
			return "", withNUL()
		}
		return text, nil
	}
	format := FormatOf(data)
	hasNUL := bytes.IndexByte(data, 0) >= 0
	guessed, isUTF16 := guessUTF16(data)
	switch {
	case isUTF16:
		return guessed, nil
	case format == pdfCalled, format != "" && (hasNUL || !utf8.Valid(data) && hasControls(data)):
		return "", &Problem{"is " + format + ", not text", hintFor(format)}
	case utf8.Valid(data) && !hasNUL:
		return string(data), nil
	case hasNUL:
		return "", withNUL()
	}
	return "", &Problem{"is not UTF-8 text", "set `encoding`, such as windows-1252, or convert it to UTF-8: `iconv -f ISO-8859-1 -t UTF-8`"}
}

// textIn returns the text of a file in an encoding that is known, unless a byte order mark names another. Its error is a *Problem.
func textIn(data []byte, name string) (string, error) {
	marked := false
	for _, e := range encodings {
		marked = marked || bytes.HasPrefix(data, []byte(e.mark))
	}
	if name == "" || marked {
		return PlainText(data)
	}
	from, err := htmlindex.Get(name)
	if err != nil {
		return "", unknownEncoding(name)
	}
	text, err := from.NewDecoder().Bytes(data)
	switch {
	case err != nil || bytes.ContainsRune(text, utf8.RuneError):
		return "", &Problem{"is not " + name + " text", "name the encoding in which it was written"}
	case bytes.IndexByte(text, 0) >= 0:
		return "", withNUL()
	}
	return string(text), nil
}

func unknownEncoding(name string) *Problem {
	return &Problem{fmt.Sprintf("cannot be read in the encoding %q, which is not known", name), "name one such as windows-1252, iso-8859-2 or shift_jis"}
}

// readText reads plain text.
func readText(_ context.Context, _ string, data []byte, o Options) (Document, error) {
	text, err := textIn(data, o.Encoding)
	return Document{Parts: []Part{{Text: unixLines(text)}}}, err
}

// readMarkdown reads Markdown, whose title is its first heading of the first level.
func readMarkdown(ctx context.Context, name string, data []byte, o Options) (Document, error) {
	d, err := readText(ctx, name, data, o)
	for line := range strings.Lines(d.Parts[0].Text) {
		if title, is := strings.CutPrefix(line, "# "); is {
			d.Title = strings.TrimSpace(strings.TrimRight(strings.TrimSpace(title), "#"))
			break
		}
	}
	return d, err
}

// unixLines returns text with line breaks as Unix has them, and without any at its end.
func unixLines(text string) string {
	return strings.TrimRight(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n"), "\n")
}

func withNUL() error {
	return &Problem{"has NUL bytes: it is binary data, not text", "convert it to text, or exclude it"}
}

// decode returns the text in an encoding, and reports whether all of it is.
func decode(from encoding.Encoding, data []byte) (text string, valid bool) {
	decoded, err := from.NewDecoder().Bytes(data)
	if err != nil || !utf8.Valid(decoded) {
		return "", false
	}
	// Decoders put U+FFFD in place of what they cannot read: what is not encoded to the same was not valid.
	again, err := from.NewEncoder().Bytes(decoded)
	return string(decoded), err == nil && bytes.Equal(again, data)
}

// guessUTF16 reads UTF-16 without a byte order mark. All of it must be characters that a text has, in the byte order in which more of
// them are ASCII. Two bytes of another encoding look like such a character too: only UTF-16 has many NUL bytes, or else control
// characters among them.
func guessUTF16(data []byte) (text string, is bool) {
	const everyThird = 3
	nul := bytes.Count(data, []byte{0})
	if nul == 0 || nul*everyThird < len(data) && !hasControls(bytes.ReplaceAll(data, []byte{0}, nil)) {
		return "", false
	}
	most := 0
	for _, order := range []textunicode.Endianness{textunicode.LittleEndian, textunicode.BigEndian} {
		candidate, valid := decode(utf16In(order), data)
		if !valid || !isPlain(candidate) {
			continue
		}
		ascii := 0
		for _, r := range candidate {
			if r < utf8.RuneSelf {
				ascii++
			}
		}
		switch {
		case ascii == most:
			is = false
		case ascii > most:
			text, is, most = candidate, true, ascii
		}
	}
	return text, is
}

// isPlain reports whether a text consists of what people write.
func isPlain(text string) bool {
	for _, r := range text {
		if !unicode.IsGraphic(r) && !unicode.Is(unicode.Cf, r) && !strings.ContainsRune("\t\n\r\f", r) {
			return false
		}
	}
	return true
}

// hasControls reports whether data has control characters of which no text consists, in whatever encoding that extends ASCII.
func hasControls(data []byte) bool {
	return bytes.ContainsFunc(data, func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\n\v\f\r\x1b", r) })
}
