// Package page is the look of the HTML pages that the program makes, and what they may do: nothing but their own style and script.
package page

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"strings"
	"sync"
)

//go:embed base.css
var base string

// Look is the style and the script of a page, both without any data.
type Look struct {
	style, script string
	policy        func() string
}

// New returns a look: the style of all pages with that of one. A script may be empty. live: the script asks the server of the page.
func New(style, script string, live bool) *Look {
	l := &Look{style: base + style, script: script}
	l.policy = sync.OnceValue(func() string {
		policy := "default-src 'none'; style-src " + hash(l.style) + "; img-src data:; base-uri 'none'; form-action 'none'"
		if l.script != "" {
			policy += "; script-src " + hash(l.script)
		}
		if live {
			policy += "; connect-src 'self'"
		}
		return policy
	})
	return l
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Policy returns the Content-Security-Policy of the page.
func (l *Look) Policy() string { return l.policy() }

// Begin writes a page up to the beginning of its body.
func (l *Look) Begin(to io.Writer, title string) error {
	// The policy comes first, so that it holds for all that follows. Style and script stand as they are: a template would change them,
	// and with them their hashes.
	_, err := io.WriteString(to, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"+
		"<meta http-equiv=\"Content-Security-Policy\" content=\""+template.HTMLEscapeString(l.Policy())+"\">\n"+
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n"+
		"<link rel=\"icon\" href=\"data:,\">\n<title>"+template.HTMLEscapeString(strings.ToValidUTF8(title, "\uFFFD"))+"</title>\n"+
		"<style>"+l.style+"</style>\n</head>\n<body>\n")
	return err
}

// End writes the rest of a page.
func (l *Look) End(to io.Writer) error {
	text := "</body>\n</html>\n"
	if l.script != "" {
		text = "<script>" + l.script + "</script>\n" + text
	}
	_, err := io.WriteString(to, text)
	return err
}
