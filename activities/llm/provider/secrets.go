package provider

import (
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/redaction"
)

// Secrets are what the server of a call may repeat, and no message and no result may show.
type Secrets struct {
	Key     string             // Of the server; empty without one.
	Headers []protocol.Setting // Of every request to the server.
	Values  []string           // Secrets that stand in the headers.
	Task    *redaction.Set     // Secrets of the task; nil where there are none.
}

// Text returns a text without the secrets, to be cut.
func (s Secrets) Text(text string) redaction.Text { return s.text(&redaction.Set{}, text) }

// text takes the secrets of a set out of a text first, then those of the call.
func (s Secrets) text(set *redaction.Set, text string) redaction.Text {
	set.Add("[api_key]", s.Key)
	for _, secret := range s.Values {
		set.Add("[secret]", secret)
	}
	return s.Task.Text(set.String(text))
}

// Hide takes the secrets out of a text.
func (s Secrets) Hide(text string) string { return s.Text(text).String() }

// Quote is what a server said as a message quotes it: without secrets, and shortened. The password of its address is one.
func (s Secrets) Quote(server *url.URL, text string) string {
	set := &redaction.Set{}
	if server.User != nil {
		password, has := server.User.Password()
		sent := server.User.Username() + ":" + password
		if !has {
			password = server.User.Username() // A token, for some servers.
		}
		for _, secret := range []string{base64.StdEncoding.EncodeToString([]byte(sent)), password} {
			set.Add("[password]", secret)
		}
	}
	return shorten(s.text(set, strings.TrimSpace(text)))
}

// MaxQuoted is how much of an answer, or of what a server says, a message quotes, in bytes.
const MaxQuoted = 300

func shorten(text redaction.Text) string {
	first, cut := text.First(MaxQuoted)
	if cut {
		first += "…"
	}
	return first
}
