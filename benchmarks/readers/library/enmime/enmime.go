// Package enmime reads mails with jhillyerd/enmime.
package enmime

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/jhillyerd/enmime/v2"
)

// Read reads a mail and those attachments that are text.
func Read(_ string, data []byte) (string, error) {
	e, err := enmime.ReadEnvelope(bytes.NewReader(data))
	if err != nil {
		return "", err
	}
	var to strings.Builder
	for _, name := range []string{"From", "To", "Date", "Subject"} {
		fmt.Fprintf(&to, "%s: %s\n", name, e.GetHeader(name))
	}
	to.WriteString(e.Text)
	for _, part := range e.Attachments {
		if strings.HasPrefix(part.ContentType, "text/") {
			to.WriteString("\n" + string(part.Content))
		}
	}
	return to.String(), nil
}
