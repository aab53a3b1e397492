package provider

import (
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Secrets are what the server of a call may repeat, and no message and no result may show.
type Secrets struct {
	Key     string                   // Of the server; empty without one.
	Headers []protocol.Setting       // Of every request to the server.
	Values  []string                 // Secrets that stand in the headers.
	Redact  func(text string) string // Takes the secrets of the task out of a text; nil where there are none.
}

// Hide takes the secrets out of a text. Whatever is cut is cut after that: half a secret is not found any more.
func (s Secrets) Hide(text string) string {
	if s.Key != "" {
		text = strings.ReplaceAll(text, s.Key, "[api_key]")
	}
	if s.Redact != nil {
		text = s.Redact(text)
	}
	for _, secret := range s.Values {
		if len(secret) >= shortestPassword {
			text = strings.ReplaceAll(text, secret, "[secret]")
		}
	}
	return text
}

// Quote is what a server said as a message quotes it: without secrets, and shortened.
func (s Secrets) Quote(server *url.URL, text string) string {
	return shorten(s.Hide(withoutPassword(server, strings.TrimSpace(text))))
}

// MaxQuoted is how much of an answer, or of what a server says, a message quotes, in characters.
const MaxQuoted = 300

func shorten(text string) string {
	letters := []rune(text)
	if len(letters) > MaxQuoted {
		return string(letters[:MaxQuoted]) + "…"
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
		password = server.User.Username() // A token, for some servers.
	}
	if len(password) >= shortestPassword {
		text = strings.ReplaceAll(text, password, "[password]")
	}
	return text
}
