package value

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// MaxDepth is how deep lists and objects may be nested. It is far more than people write and far less than a goroutine's
// stack can hold.
const MaxDepth = 1000

// Parse reads one JSON document. Of fields with equal names, the last value takes the place of the first.
func Parse(data []byte) (Value, error) {
	p := parser{data: data}
	return p.document()
}

// ParseOwned is Parse for data that nobody else has or changes: a text that is most of them stays where it is, and its escapes are
// replaced there.
func ParseOwned(data []byte) (Value, error) {
	p := parser{data: data, owned: true}
	return p.document()
}

// ParseText is Parse for a string, which is not copied as a whole.
func ParseText(text string) (Value, error) {
	return Parse(unsafe.Slice(unsafe.StringData(text), len(text)))
}

// ParseUnique is Parse for what is written again: fields with equal names, and text that is not UTF-8, are errors, because what is
// read would not be all of it.
func ParseUnique(data []byte) (Value, error) {
	if !utf8.Valid(data) {
		return Value{}, errors.New("not valid UTF-8")
	}
	p := parser{data: data, unique: true}
	return p.document()
}

// parser reads valid JSON. A decoder would copy all of it once more before it copies each text.
type parser struct {
	data   []byte
	at     int
	owned  bool
	unique bool
}

func (p *parser) document() (Value, error) {
	if !json.Valid(p.data) {
		return Value{}, notJSON(p.data)
	}
	return p.value(0)
}

// next returns the next byte that is not white space.
func (p *parser) next() byte {
	for {
		switch c := p.data[p.at]; c {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return c
		}
	}
}

func (p *parser) value(depth int) (Value, error) {
	switch c := p.next(); c {
	case '"':
		text, err := p.text()
		return String(text), err
	case '{', '[':
		if depth++; depth > MaxDepth {
			return Value{}, fmt.Errorf("not JSON: %w", errTooDeep)
		}
		p.at++
		if c == '[' {
			return p.list(depth)
		}
		return p.object(depth)
	}
	begin := p.at
	for p.at < len(p.data) && bytes.IndexByte([]byte(",]} \t\n\r"), p.data[p.at]) < 0 {
		p.at++
	}
	switch literal := string(p.data[begin:p.at]); literal {
	case "null":
		return Value{}, nil
	case "true", "false":
		return Bool(literal == "true"), nil
	default:
		return Value{kind: KindNumber, text: literal}, nil
	}
}

// text reads a string, at its opening quote.
func (p *parser) text() (string, error) {
	begin := p.at
	plain := true
	for p.at++; p.data[p.at] != '"'; p.at++ {
		if p.data[p.at] == '\\' {
			plain = false
			p.at++
		}
	}
	p.at++
	inner := p.data[begin+1 : p.at-1]
	switch {
	case !utf8.Valid(inner):
		var text string
		err := json.Unmarshal(p.data[begin:p.at], &text)
		return text, err
	case p.owned && len(inner) > len(p.data)/2:
		if !plain {
			inner = unescape(inner[:0], inner)
		}
		return unsafe.String(unsafe.SliceData(inner), len(inner)), nil
	case plain:
		return string(inner), nil
	}
	text := unescape(make([]byte, 0, len(inner)), inner)
	return unsafe.String(unsafe.SliceData(text), len(text)), nil
}

// unescape appends the text of a valid JSON string as encoding/json reads it. It may be appended to the beginning of the string
// itself, because it is never longer.
func unescape(to, from []byte) []byte {
	for {
		at := bytes.IndexByte(from, '\\')
		if at < 0 {
			return append(to, from...)
		}
		to = append(to, from[:at]...)
		escaped := from[at+1]
		from = from[at+2:]
		if place := strings.IndexByte("bfnrt", escaped); place >= 0 {
			escaped = "\b\f\n\r\t"[place]
		}
		if escaped != 'u' {
			to = append(to, escaped)
			continue
		}
		r := codeUnit(from)
		from = from[4:]
		if utf16.IsSurrogate(r) {
			low := rune(-1)
			if bytes.HasPrefix(from, []byte(`\u`)) {
				low = codeUnit(from[2:])
			}
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				from = from[6:]
			}
		}
		to = utf8.AppendRune(to, r)
	}
}

// codeUnit reads the four hexadecimal digits of an escape.
func codeUnit(digits []byte) rune {
	unit, err := strconv.ParseUint(string(digits[:4]), 16, 16)
	if err != nil {
		panic("value: an invalid escape in valid JSON: " + err.Error())
	}
	return rune(unit)
}

// more reports whether another element follows, and steps over what separates them or ends them.
func (p *parser) more(end byte) bool {
	c := p.next()
	if c == ',' || c == end {
		p.at++
	}
	return c != end
}

func (p *parser) list(depth int) (Value, error) {
	elements := []Value{}
	for p.more(']') {
		element, err := p.value(depth)
		if err != nil {
			return Value{}, err
		}
		elements = append(elements, element)
	}
	return List(elements...), nil
}

func (p *parser) object(depth int) (Value, error) {
	fields := []Field{}
	place := map[string]int{}
	for p.more('}') {
		p.next()
		name, err := p.text()
		if err != nil {
			return Value{}, err
		}
		p.next()
		p.at++ // The colon.
		field, err := p.value(depth)
		if err != nil {
			return Value{}, err
		}
		if at, twice := place[name]; twice {
			if p.unique {
				return Value{}, fmt.Errorf("ambiguous: an object has two fields with the name %.200q", name)
			}
			fields[at].Value = field
			continue
		}
		place[name] = len(fields)
		fields = append(fields, Field{name, field})
	}
	return Object(fields...), nil
}

var errTooDeep = fmt.Errorf("lists and objects are nested more than %d deep", MaxDepth)

// notJSON says why data is not one JSON document.
func notJSON(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	depth := 0
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("not JSON: %w", io.ErrUnexpectedEOF)
		}
		if err != nil {
			return fmt.Errorf("not JSON: %w", err)
		}
		switch token {
		case json.Delim('['), json.Delim('{'):
			if depth++; depth > MaxDepth {
				return fmt.Errorf("not JSON: %w", errTooDeep)
			}
		case json.Delim(']'), json.Delim('}'):
			depth--
		}
		if depth == 0 {
			return errors.New("not JSON: unexpected text after the value")
		}
	}
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *Value) UnmarshalJSON(data []byte) error {
	parsed, err := Parse(data)
	if err != nil {
		return err
	}
	*v = parsed
	return nil
}

// MarshalJSON implements json.Marshaler.
func (v Value) MarshalJSON() ([]byte, error) { return v.JSON(), nil }

// JSON returns v as compact JSON, without escapes for HTML.
func (v Value) JSON() []byte {
	size := v.size()
	MakeRoom(size)
	return v.AppendJSON(make([]byte, 0, size))
}

// large is the number of bytes from which a value is worth a collection of garbage.
const large = 8 << 20

// MakeRoom frees what is no longer used before that many bytes are allocated for a value. The collector would let garbage grow to
// as much as there is in use: with values of many megabytes, several of which are made one after the other, to several times that.
func MakeRoom(size int) {
	if size >= large {
		runtime.GC()
	}
}

// size is about how many bytes the JSON of v has, with the escapes of large texts, which are not copied again as the JSON grows.
func (v Value) size() int {
	size := 4 + len(v.text)
	if v.kind == KindString && len(v.text) >= leastShare {
		size = 2 + escapedSize(v.text)
	}
	for _, element := range v.Elements() {
		size += 1 + element.size()
	}
	for _, field := range v.Fields() {
		size += 4 + len(field.Name) + field.Value.size()
	}
	return size
}

// AppendJSON appends what JSON returns.
func (v Value) AppendJSON(to []byte) []byte {
	switch v.kind {
	case KindBool:
		return strconv.AppendBool(to, v.truth)
	case KindNumber:
		return append(to, v.text...)
	case KindString:
		return appendText(to, v.text)
	case KindList:
		to = append(to, '[')
		for i, element := range v.Elements() {
			if i > 0 {
				to = append(to, ',')
			}
			to = element.AppendJSON(to)
		}
		return append(to, ']')
	case KindObject:
		to = append(to, '{')
		for i, field := range v.Fields() {
			if i > 0 {
				to = append(to, ',')
			}
			to = appendText(to, field.Name)
			to = append(to, ':')
			to = field.Value.AppendJSON(to)
		}
		return append(to, '}')
	}
	return append(to, "null"...)
}

// WriteJSON writes what JSON returns, without a copy of a large text. Its errors are those of the writer.
func (v Value) WriteJSON(to io.Writer) error {
	buffered := buffers.Get().(*bufio.Writer)
	defer buffers.Put(buffered)
	defer buffered.Reset(nil) // It must not keep the writer.
	buffered.Reset(to)
	v.writeTo(buffered)
	return buffered.Flush()
}

// buffers are those of WriteJSON: calls with small values are hashed by the thousand.
var buffers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 8*pieceSize) }}

// writeTo writes JSON. The buffer keeps the first error.
func (v Value) writeTo(to *bufio.Writer) {
	switch {
	case v.kind == KindString && len(v.text) > pieceSize:
		_ = to.WriteByte('"')
		eachPiece(v.text, func(escaped []byte) { _, _ = to.Write(escaped) })
		_ = to.WriteByte('"')
	case v.kind == KindList:
		_ = to.WriteByte('[')
		for i, element := range v.Elements() {
			if i > 0 {
				_ = to.WriteByte(',')
			}
			element.writeTo(to)
		}
		_ = to.WriteByte(']')
	case v.kind == KindObject:
		_ = to.WriteByte('{')
		for i, field := range v.Fields() {
			if i > 0 {
				_ = to.WriteByte(',')
			}
			_, _ = to.Write(append(appendText(to.AvailableBuffer(), field.Name), ':'))
			field.Value.writeTo(to)
		}
		_ = to.WriteByte('}')
	default:
		_, _ = to.Write(v.AppendJSON(to.AvailableBuffer()))
	}
}

// pieceSize is how many bytes of a text are escaped at once where it is not copied as a whole.
const pieceSize = 4 << 10

// eachPiece passes the text as appendText escapes it, piece by piece.
func eachPiece(text string, pass func(escaped []byte)) {
	var buffer [6*pieceSize + 2]byte
	for len(text) > 0 {
		end := min(pieceSize, len(text))
		for end < len(text) && end > pieceSize-utf8.UTFMax && !utf8.RuneStart(text[end]) {
			end--
		}
		escaped := appendText(buffer[:0], text[:end])
		pass(escaped[1 : len(escaped)-1])
		text = text[end:]
	}
}

// escapedSize returns how many bytes appendText appends between the quotes.
func escapedSize(text string) int {
	size := 0
	eachPiece(text, func(escaped []byte) { size += len(escaped) })
	return size
}

// appendText appends a string as encoding/json writes it, without escapes for HTML.
func appendText(to []byte, text string) []byte {
	const hex = "0123456789abcdef"
	to = append(slices.Grow(to, len(text)+2), '"')
	begin := 0
	for at := 0; at < len(text); {
		c := text[at]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			at++
			continue
		}
		r, size := rune(c), 1
		if c >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(text[at:])
			if (r != utf8.RuneError || size > 1) && r != '\u2028' && r != '\u2029' {
				at += size
				continue
			}
		}
		to = append(to, text[begin:at]...)
		switch r {
		case '"', '\\':
			to = append(to, '\\', c)
		case '\b':
			to = append(to, `\b`...)
		case '\f':
			to = append(to, `\f`...)
		case '\n':
			to = append(to, `\n`...)
		case '\r':
			to = append(to, `\r`...)
		case '\t':
			to = append(to, `\t`...)
		case utf8.RuneError:
			to = append(to, `\ufffd`...)
		case '\u2028', '\u2029':
			to = append(to, `\u202`...)
			to = append(to, hex[r&0xF])
		default:
			to = append(to, `\u00`...)
			to = append(to, hex[c>>4], hex[c&0xF])
		}
		at += size
		begin = at
	}
	to = append(to, text[begin:]...)
	return append(to, '"')
}

// Encode returns the Value of the JSON encoding of a Go value.
func Encode(v any) (Value, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return Value{}, err
	}
	return Parse(data)
}
