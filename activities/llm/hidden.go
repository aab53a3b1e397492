package llm

import (
	"encoding/base64"
	"net/url"
	"strings"
)

// hidden is what the server of a call may repeat and nobody is to see.
type hidden struct {
	key    string                   // Of the server; empty without.
	redact func(text string) string // Takes the secrets of the call out of a text; nil where there are none.
}

// conceal takes it out of a text. Whatever is cut is cut after that: half a secret is not found any more.
func (h hidden) conceal(text string) string {
	if h.key != "" {
		text = strings.ReplaceAll(text, h.key, "[api_key]")
	}
	if h.redact != nil {
		text = h.redact(text)
	}
	return text
}

// shortestPassword is the length in bytes from which a password is looked for: shorter ones stand in harmless words.
const shortestPassword = 6

// withoutPassword takes the user and the password of an address out of a text, as they are sent, and the password itself.
func withoutPassword(server *url.URL, text string) string {
	if server.User == nil {
		return text
	}
	password, has := server.User.Password()
	text = strings.ReplaceAll(text, base64.StdEncoding.EncodeToString([]byte(server.User.Username()+":"+password)), "[password]")
	if !has {
		password = server.User.Username() // A token, as some servers take it.
	}
	if len(password) >= shortestPassword {
		text = strings.ReplaceAll(text, password, "[password]")
	}
	return text
}

// quoted is what a server says as a message repeats it: without what is hidden, and without most of a page of HTML.
func quoted(server *url.URL, h hidden, said string) string {
	return shortened(h.conceal(withoutPassword(server, strings.TrimSpace(said))))
}

func shortened(text string) string {
	letters := []rune(text)
	if len(letters) > mostShown {
		return string(letters[:mostShown]) + "…"
	}
	return text
}
