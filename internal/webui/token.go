package webui

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

// loadToken returns the token of the home, and makes one where there is none. One that others could have read is no
// secret any more: it is replaced, like one that is damaged.
func loadToken(h *home.Home) (string, error) {
	token, err := readToken(h.UIToken())
	if err != nil || token != "" {
		return token, err
	}
	secret := make([]byte, tokenBytes)
	if _, err := rand.Read(secret); err != nil {
		return "", err
	}
	token = base64.RawURLEncoding.EncodeToString(secret)
	return token, home.WriteAtomic(h.UIToken(), []byte(token+"\n"))
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
