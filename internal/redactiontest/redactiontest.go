// Package redactiontest makes texts with secrets for fuzz tests of what captures and cuts texts.
package redactiontest

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/redaction"
)

// mark is shown instead of the secret, and filler is around it. Neither has a character of a secret.
const mark, filler = "#", ".-~ \n"

// Case is a text that has one secret, and consists of filler otherwise.
type Case struct {
	Secrets *redaction.Set
	Text    string
}

// New makes a case of what a fuzz test is given: the secret, how it is written, and how much is around it. It is false if there
// is no such case.
func New(secret string, form uint8, before, after uint16) (Case, bool) {
	secret = strings.Map(func(r rune) rune {
		if strings.ContainsRune(mark+filler, r) || r < ' ' || r == 0x7f || r == '\uFFFD' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(secret, ""))
	if len(secret) < redaction.Shortest || len(secret) > 500 {
		return Case{}, false
	}
	written := secret
	switch form % 5 {
	case 1:
		quoted, err := json.Marshal(secret)
		if err != nil {
			return Case{}, false
		}
		written = string(quoted[1 : len(quoted)-1])
	case 2:
		quoted := strconv.Quote(secret)
		written = quoted[1 : len(quoted)-1]
	case 3:
		written = url.QueryEscape(secret)
	case 4:
		written = base64.RawStdEncoding.EncodeToString([]byte(secret))
	}
	c := Case{Secrets: &redaction.Set{}, Text: around(before) + written + around(after)}
	c.Secrets.Add(mark, secret)
	return c, true
}

// around returns filler.
func around(length uint16) string {
	return strings.Repeat(filler, int(length)/len(filler)+1)[:length]
}

// Check wants that nothing of the secret is left in what was made of the text.
func (c Case) Check(t *testing.T, got string) {
	t.Helper()
	if left := strings.Trim(got, mark+filler+"\uFFFD…"); left != "" {
		t.Fatalf("of %q %q is left", c.Text, left)
	}
}
