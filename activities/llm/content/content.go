// Package content reads what people have in files: text in the encodings that editors and spreadsheets write, and of anything else
// the name of its format.
package content

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	textunicode "golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// Problem is why a file is not text that can be read.
type Problem struct {
	Text, Hint string // Text follows the name of the file: "is a PDF document, not text".
}

// Error implements error.
func (p *Problem) Error() string { return p.Text }

// encodings are those that a byte order mark announces. That of UTF-32 begins with that of UTF-16, and comes first.
var encodings = []struct {
	name, mark string
	encoding   encoding.Encoding
}{
	{"UTF-8", "\xef\xbb\xbf", encoding.Nop},
	{"UTF-32", "\xff\xfe\x00\x00", utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM)},
	{"UTF-32", "\x00\x00\xfe\xff", utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM)},
	{"UTF-16", "\xff\xfe", utf16(textunicode.LittleEndian)},
	{"UTF-16", "\xfe\xff", utf16(textunicode.BigEndian)},
}

func utf16(order textunicode.Endianness) encoding.Encoding {
	return textunicode.UTF16(order, textunicode.IgnoreBOM)
}

// Text returns the text of a file, without a byte order mark: UTF-8, and UTF-16 and UTF-32, those without a mark where it is sure.
// Its error is a *Problem.
func Text(data []byte) (string, error) {
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
	format := Format(data)
	hasNUL := bytes.IndexByte(data, 0) >= 0
	guessed, isUTF16 := guessUTF16(data)
	switch {
	case isUTF16:
		return guessed, nil
	case format == pdf, format != "" && (hasNUL || !utf8.Valid(data) && hasControls(data)):
		return "", &Problem{"is " + format + ", not text", hintFor(format)}
	case utf8.Valid(data) && !hasNUL:
		return string(data), nil
	case hasNUL:
		return "", withNUL()
	}
	return "", &Problem{"is not UTF-8 text", "convert it to UTF-8: `iconv -f ISO-8859-1 -t UTF-8`, if it was written in an older encoding"}
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
		candidate, valid := decode(utf16(order), data)
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
