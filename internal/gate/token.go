// Package gate protects the servers of this program, which other users of the machine and pages in a browser can reach too, also on
// loopback: with a token in the home folder, or one for each user, and checks of the host and the origin of a request. It does not know what is
// served.
package gate

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/home"
)

const tokenBytes = 32

// LoadToken returns the token in a file, and creates one (0600) if there is none. It replaces a damaged token, and one that
// others could have read.
func LoadToken(path string) (string, error) {
	token, err := readToken(path)
	if err != nil || token != "" {
		return token, err
	}
	secret := make([]byte, tokenBytes)
	if _, err := rand.Read(secret); err != nil {
		return "", err
	}
	token = base64.RawURLEncoding.EncodeToString(secret)
	return token, home.WriteAtomic(path, []byte(token+"\n"))
}

// readToken returns no token if the file has none that can be used.
func readToken(path string) (string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	const others = 0o077
	if !info.Mode().IsRegular() || info.Mode().Perm()&others != 0 {
		return "", nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(data))
	if secret, err := base64.RawURLEncoding.DecodeString(token); err != nil || len(secret) != tokenBytes {
		return "", nil //nolint:nilerr // Text that cannot be decoded is not a token.
	}
	return token, nil
}
