// Package encryption encrypts what is stored of runs with AES-256-GCM and the keys of a file: payloads in Temporal's histories,
// values and records in result stores. It does not know what it encrypts.
package encryption

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

const (
	keySize  = 32
	idLength = 8
	maxFile  = 1 << 20
	// mark is what encrypted data begin with. The id of their key follows, then the nonce, the data and the tag.
	mark = "gleitzeit-aes1:"
)

// Purpose separates uses of a key: data of one purpose cannot be decrypted for another.
type Purpose string

// The purposes.
const (
	Payload Purpose = "payload" // In Temporal's histories.
	Value   Purpose = "value"   // In a result store.
	Record  Purpose = "record"  // In a result store.
	Command Purpose = "command" // In a claim.
	naming          = "name"
)

// Keys are the keys of a file. The first one encrypts, all decrypt. A nil *Keys encrypts nothing.
type Keys struct {
	path string

	mu      sync.RWMutex
	all     []key
	version time.Time // Of the file.
}

// key has one key for each purpose.
type key struct {
	id      string
	ciphers map[Purpose]cipher.AEAD
	naming  []byte
}

// Read reads the keys of a file: lines with 32 bytes in base64; "#" begins a comment. An empty path has no keys. The error
// never contains a key.
func Read(path string) (*Keys, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // No keys are no error.
	}
	k := &Keys{path: path}
	return k, k.load()
}

// load reads the file anew.
func (k *Keys) load() error {
	failed := func(format string, args ...any) *protocol.Error {
		return protocol.Errorf(protocol.ConfigurationError, "cannot read the encryption keys in %q: %s", k.path, fmt.Sprintf(format, args...))
	}
	info, err := os.Stat(k.path)
	if of, is := errors.AsType[*fs.PathError](err); is {
		return failed("%s", of.Err).WithHint("encryption.key_file names a file that `openssl rand -base64 32` has written")
	}
	switch {
	case err != nil:
		return failed("%s", err)
	case !info.Mode().IsRegular() || info.Size() > maxFile:
		return failed("not a regular file of at most 1 MiB")
	case tooOpen(info):
		return failed("other users can read or change it").WithHint("chmod 600 %s", k.path)
	}
	data, err := os.ReadFile(k.path)
	if err != nil {
		return failed("%s", errors.Unwrap(err))
	}
	var all []key
	ids := map[string]bool{}
	for i, line := range strings.Split(string(data), "\n") {
		text, _, _ := strings.Cut(line, "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(raw) != keySize {
			return failed("line %d is not %d bytes in base64", i+1, keySize).WithHint("`openssl rand -base64 32` makes a key")
		}
		made, err := newKey(raw)
		if err != nil {
			return failed("line %d: %s", i+1, err)
		}
		if ids[made.id] {
			return failed("line %d has a key for the second time", i+1)
		}
		ids[made.id] = true
		all = append(all, made)
	}
	if len(all) == 0 {
		return failed("the file has no key").WithHint("`openssl rand -base64 32` makes a key")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all, k.version = all, info.ModTime()
	return nil
}

func newKey(raw []byte) (key, error) {
	made := key{ciphers: map[Purpose]cipher.AEAD{}}
	for _, purpose := range []Purpose{Payload, Value, Record, Command, naming, "id"} {
		derived, err := hkdf.Key(sha256.New, raw, nil, "gleitzeit encryption 1 "+string(purpose), keySize)
		if err != nil {
			return key{}, err
		}
		switch purpose {
		case naming:
			made.naming = derived
			continue
		case "id":
			made.id = hex.EncodeToString(derived)[:idLength]
			continue
		}
		block, err := aes.NewCipher(derived)
		if err != nil {
			return key{}, err
		}
		if made.ciphers[purpose], err = cipher.NewGCMWithRandomNonce(block); err != nil {
			return key{}, err
		}
	}
	return made, nil
}

func (k *Keys) keys() []key {
	if k == nil {
		return nil
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.all
}

// Encrypt encrypts data with the first key. about is what they belong to: without it they cannot be decrypted.
func (k *Keys) Encrypt(purpose Purpose, data []byte, about string) []byte {
	first := k.keys()[0]
	sealed := append(make([]byte, 0, len(mark)+idLength+len(data)+64), mark+first.id...)
	return first.ciphers[purpose].Seal(sealed, nil, data, []byte(about))
}

// IsEncrypted reports whether Encrypt has made the data.
func IsEncrypted(data []byte) bool {
	return len(data) > len(mark)+idLength && string(data[:len(mark)]) == mark
}

// ErrMissingKey means that none of the keys decrypts the data: of a key that the file does not have, or without a file.
var ErrMissingKey = errors.New("missing encryption key")

// Decrypt returns the data that were encrypted. Its error is ErrMissingKey, wrapped, or means that the data are damaged. Where
// the file was changed since it was read, it is read again for a missing key: a key can be added without a restart.
func (k *Keys) Decrypt(purpose Purpose, sealed []byte, about string) ([]byte, error) {
	if !IsEncrypted(sealed) {
		return nil, errors.New("the data are not encrypted")
	}
	id, rest := string(sealed[len(mark):len(mark)+idLength]), sealed[len(mark)+idLength:]
	found := k.find(id)
	if found == nil && k.changed() && k.load() == nil {
		found = k.find(id)
	}
	if found == nil {
		return nil, k.missing(id)
	}
	data, err := found.ciphers[purpose].Open(nil, nil, rest, []byte(about))
	if err != nil {
		return nil, fmt.Errorf("cannot decrypt data of the key %s: they are damaged", id)
	}
	return data, nil
}

// EncryptCommand encrypts a command for a claim, as text; without keys it stays as it is.
func (k *Keys) EncryptCommand(text string) string {
	if k == nil || text == "" {
		return text
	}
	return base64.StdEncoding.EncodeToString(k.Encrypt(Command, []byte(text), ""))
}

// DecryptCommand returns the command that EncryptCommand got; empty without its key.
func (k *Keys) DecryptCommand(text string) string {
	sealed, err := base64.StdEncoding.DecodeString(text)
	if err != nil || !IsEncrypted(sealed) {
		return text
	}
	command, err := k.Decrypt(Command, sealed, "")
	if err != nil {
		return ""
	}
	return string(command)
}

func (k *Keys) find(id string) *key {
	for _, one := range k.keys() {
		if one.id == id {
			return &one
		}
	}
	return nil
}

func (k *Keys) changed() bool {
	if k == nil {
		return false
	}
	info, err := os.Stat(k.path)
	k.mu.RLock()
	defer k.mu.RUnlock()
	return err == nil && !info.ModTime().Equal(k.version)
}

// missing is the error of a key that this process does not have.
func (k *Keys) missing(id string) error {
	if k == nil {
		return protocol.Errorf(protocol.ConfigurationError, "the data are encrypted with the key %s, and no key file is set", id).WithCause(ErrMissingKey).
			WithHint("set encryption.key_file in config.yaml, or GLEITZEIT_ENCRYPTION_KEY_FILE, to the file with that key")
	}
	return protocol.Errorf(protocol.ConfigurationError, "the data are encrypted with the key %s, which is not in %q", id, k.path).WithCause(ErrMissingKey).
		WithHint("add that key on a line of its own after the first one, or set encryption.key_file to the file that has it")
}

// Names returns what stands for the hash of a content where others may see it, one name for each key, that of the first key
// first: without the key nobody can find out whether a content that they know is stored.
func (k *Keys) Names(hash string) []string {
	var names []string
	for _, one := range k.keys() {
		sum := hmac.New(sha256.New, one.naming)
		sum.Write([]byte(hash))
		names = append(names, hex.EncodeToString(sum.Sum(nil)))
	}
	return names
}
