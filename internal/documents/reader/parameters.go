package reader

import (
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/documents"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"golang.org/x/text/encoding/htmlindex"
)

// The parameters of every method that reads documents.
const (
	PagesParameter    = "pages"
	EncodingParameter = "encoding"
)

// Properties are their schemas.
const Properties = `
    "pages": {"type": ["string", "integer"], "pattern": "^ *[0-9]+ *(- *[0-9]* *)?(, *[0-9]+ *(- *[0-9]* *)?)*$", "minimum": 1, "description": "Pages to read of documents that have pages, slides or sheets, from 1: 3, 1-3, \"1-3,7\" or 5-; default all"},
    "encoding": {"type": "string", "minLength": 1, "description": "Encoding of text files that are not UTF-8 or marked as UTF-16, such as windows-1252"}`

// Options reads `pages` and `encoding` of the parameters of a call.
func Options(parameters value.Value) (o documents.Options, err error) {
	if pages, is := parameters.Get(PagesParameter); is && !pages.IsNull() {
		if o.Pages, err = parsePages(pages); err != nil {
			return o, err
		}
	}
	if encoding, is := parameters.Get(EncodingParameter); is {
		o.Encoding = encoding.Text()
		if _, err := htmlindex.Get(o.Encoding); err != nil && o.Encoding != "" {
			return o, protocol.Errorf(protocol.InvalidParams, "unknown encoding %q", o.Encoding).WithHint("use one such as windows-1252, iso-8859-2 or shift_jis")
		}
	}
	return o, nil
}

// ParsePages reads pages as people write them.
func ParsePages(text string) ([]documents.Range, error) { return parsePages(value.String(text)) }

func parsePages(pages value.Value) (ranges []documents.Range, err error) {
	text := pages.Text()
	if pages.Kind() == value.KindNumber {
		text = string(pages.JSON())
	}
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		r := documents.Range{}
		if r.First, err = strconv.Atoi(strings.TrimSpace(first)); err != nil || r.First < 1 {
			return nil, invalidPages(text)
		}
		switch last = strings.TrimSpace(last); {
		case !isRange:
			r.Last = r.First
		case last != "":
			if r.Last, err = strconv.Atoi(last); err != nil || r.Last < r.First {
				return nil, invalidPages(text)
			}
		}
		ranges = append(ranges, r)
	}
	return ranges, nil
}

func invalidPages(text string) error {
	return protocol.Errorf(protocol.InvalidParams, "invalid pages %q", text).WithHint("pages count from 1: use 3, 1-3, \"1-3,7\", or 5- for all from the fifth")
}
