// Package gate keeps strangers out of what this program serves on loopback, where other users of the machine and pages in
// a browser can reach it too: a secret token in the home folder, and a check of whom a request is for and which page sent
// it. It knows nothing of what is served.
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

// LoadToken returns the token that a file holds, and makes one (0600) where there is none. One that others could have
// read is no secret any more: it is replaced, like one that is damaged.
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

// readToken returns nothing where there is no token that can be used.
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
		return "", nil //nolint:nilerr // What cannot be decoded is no token.
	}
	return token, nil
}
