package home

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// maxName leaves room for an extension and for the ending of a temporary file in the 255 bytes that a file name has.
const maxName = 200

// fileName returns a file name for any text, a different one for each: letters, digits, - and _ stay, a dot stays after the
// first place, and any other byte becomes %XX. A long name is cut and ends in its hash, after a ~ that no other name has.
func fileName(text string) string {
	var name strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.' && i > 0:
			name.WriteByte(c)
		default:
			fmt.Fprintf(&name, "%%%02X", c)
		}
	}
	if name.Len() <= maxName {
		return name.String()
	}
	sum := sha256.Sum256([]byte(text))
	return name.String()[:maxName-1-2*len(sum)] + "~" + hex.EncodeToString(sum[:])
}
