package documents

import (
	"context"
	"encoding/xml"
	"path"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/xmlarchive"
)

const epubCalled = "an EPUB book"

func isEPUB(data []byte) bool {
	return holds(data, "application/epub+zip") || packs(data, "META-INF/container.xml")
}

// book is the package file of an EPUB book.
type book struct {
	files map[string]string // By the ids that the spine names.
	spine []string          // Names of files, in the order in which they are read.
}

func readEPUB(ctx context.Context, _ string, data []byte, o Options) (Document, error) {
	c := newCost(ctx, o, len(data))
	a, err := openArchive(c, epubCalled, data)
	if err != nil {
		return Document{}, err
	}
	if err := a.wantNoDRM(); err != nil {
		return Document{}, err
	}
	main := ""
	err = a.Elements(xmlarchive.Unlimited, "META-INF/container.xml", true, func(_ *xmlarchive.Reader, t xml.StartElement) error {
		if t.Name.Local == "rootfile" && main == "" {
			main = xmlarchive.Attribute(t, "full-path")
		}
		return nil
	})
	if err != nil {
		return Document{}, err
	}
	d, err := a.properties(main, map[string]string{"creator": "author", "language": "language", "publisher": "publisher", "date": "date", "description": "description"})
	if err != nil {
		return Document{}, err
	}
	b, err := a.book(main)
	if err != nil {
		return Document{}, err
	}
	numbers, err := o.selected(len(b.spine))
	if err != nil {
		return Document{}, err
	}
	for _, n := range numbers {
		if err := a.chapter(&d, b.spine[n-1], n, o); err != nil {
			return Document{}, err
		}
	}
	return d, c.Err
}

// wantNoDRM refuses a book whose text is encrypted. Fonts may be: they are obfuscated, and not read.
func (a *archive) wantNoDRM() error {
	return a.Elements(xmlarchive.Unlimited, "META-INF/encryption.xml", false, func(_ *xmlarchive.Reader, t xml.StartElement) error {
		if t.Name.Local != "CipherReference" {
			return nil
		}
		switch strings.ToLower(path.Ext(xmlarchive.Attribute(t, "URI"))) {
		case ".xhtml", ".html", ".htm", ".xml":
			return &Problem{Text: "is an EPUB book with copy protection", Hint: "get it without copy protection"}
		}
		return nil
	})
}

// book reads which files the chapters are.
func (a *archive) book(main string) (book, error) {
	b := book{files: map[string]string{}}
	var ids []string
	err := a.Elements(xmlarchive.Unlimited, main, true, func(_ *xmlarchive.Reader, t xml.StartElement) error {
		switch t.Name.Local {
		case "item":
			b.files[xmlarchive.Attribute(t, "id")] = path.Join(path.Dir(main), unescaped(xmlarchive.Attribute(t, "href")))
		case "itemref":
			ids = append(ids, xmlarchive.Attribute(t, "idref"))
		}
		return nil
	})
	for _, id := range ids {
		if file := b.files[id]; file != "" && a.Has(file) {
			b.spine = append(b.spine, file)
		}
	}
	if err == nil && len(b.spine) == 0 {
		err = damaged(epubCalled, "it has no chapters")
	}
	return b, err
}

// unescaped returns a relative address as the name of a file.
func unescaped(address string) string {
	address, _, _ = strings.Cut(address, "#")
	var name strings.Builder
	for i := 0; i < len(address); i++ {
		if address[i] == '%' && i+2 < len(address) {
			if code, err := strconv.ParseUint(address[i+1:i+3], 16, 8); err == nil {
				name.WriteByte(byte(code))
				i += 2
				continue
			}
		}
		name.WriteByte(address[i])
	}
	return name.String()
}

// chapter appends a chapter, named by its first heading. One without text, such as a cover, has no name but its number.
func (a *archive) chapter(d *Document, file string, number int, o Options) error {
	content, err := a.Bytes(file, min(a.cost.Unpacked, a.cost.limits.Memory/3))
	if err != nil {
		return err
	}
	text, err := decodeHTML(content, "")
	if err != nil {
		return err
	}
	var page Document
	r := &htmlReader{m: newMarkdown(a.cost), d: &page, images: o.Images, picture: func(source string) error {
		return a.picture(d, path.Join(path.Dir(file), unescaped(source)))
	}}
	out, err := r.read(text)
	name := strconv.Itoa(number)
	if len(r.headings) > 0 {
		name = r.headings[0]
	}
	d.Parts = append(d.Parts, Part{Kind: "chapter", Name: name, Text: out})
	return err
}
