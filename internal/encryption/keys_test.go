package encryption

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

const (
	first  = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	second = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
)

func write(t testing.TB, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func keysOf(t testing.TB, text string) *Keys {
	t.Helper()
	keys, err := Read(write(t, filepath.Join(t.TempDir(), "keys"), text))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestEncryption(t *testing.T) {
	one, both := keysOf(t, "# the first\n\n "+first+" # of 2026\n"), keysOf(t, second+"\n"+first)
	data := []byte("what a task returned")
	sealed := one.Encrypt(Value, data, "name")
	if bytes.Contains(sealed, data) || !IsEncrypted(sealed) || bytes.Equal(sealed, one.Encrypt(Value, data, "name")) {
		t.Errorf("%q", sealed)
	}
	for _, keys := range []*Keys{one, both} {
		if got, err := keys.Decrypt(Value, sealed, "name"); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%q, %v", got, err)
		}
	}
	damaged := bytes.Clone(sealed)
	damaged[len(damaged)-1] ^= 1
	for what, try := range map[string]func() ([]byte, error){
		"another purpose":  func() ([]byte, error) { return one.Decrypt(Record, sealed, "name") },
		"something else":   func() ([]byte, error) { return one.Decrypt(Value, sealed, "other") },
		"damaged":          func() ([]byte, error) { return one.Decrypt(Value, damaged, "name") },
		"cut":              func() ([]byte, error) { return one.Decrypt(Value, sealed[:len(mark)+idLength+3], "name") },
		"not encrypted":    func() ([]byte, error) { return one.Decrypt(Value, data, "name") },
		"of a missing key": func() ([]byte, error) { return one.Decrypt(Value, both.Encrypt(Value, data, ""), "") },
		"without keys":     func() ([]byte, error) { return (*Keys)(nil).Decrypt(Value, sealed, "name") },
	} {
		if got, err := try(); err == nil || errors.Is(err, ErrMissingKey) != (strings.Contains(what, "key")) {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
	if a, b := one.Names("hash"), both.Names("hash"); len(a) != 1 || len(b) != 2 || a[0] != b[1] || a[0] == one.Names("other")[0] {
		t.Errorf("%q, %q", a, b)
	}
	if text := one.EncryptCommand("gleitzeit batch"); strings.Contains(text, "batch") || both.DecryptCommand(text) != "gleitzeit batch" || (*Keys)(nil).DecryptCommand(text) != "" {
		t.Errorf("%q", text)
	}
}

// A key that is added to the file is found without a restart.
func TestAKeyThatIsAdded(t *testing.T) {
	keys := keysOf(t, first)
	sealed := keysOf(t, second).Encrypt(Payload, []byte("x"), "")
	if _, err := keys.Decrypt(Payload, sealed, ""); !errors.Is(err, ErrMissingKey) {
		t.Fatal(err)
	}
	write(t, keys.path, second+"\n"+first)
	later := time.Now().Add(time.Minute)
	if err := os.Chtimes(keys.path, later, later); err != nil {
		t.Fatal(err)
	}
	if got, err := keys.Decrypt(Payload, sealed, ""); err != nil || string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestKeyFilesThatAreRefused(t *testing.T) {
	folder := t.TempDir()
	for text, why := range map[string]string{
		"":                              "the file has no key",
		"# nothing\n":                   "the file has no key",
		first + "\nc3dvcmRmaXNo":        "line 2 is not 32 bytes in base64",
		"swordfish":                     "line 1 is not 32 bytes in base64",
		first + "\n# a\n" + first + " ": "line 3 has a key for the second time",
	} {
		_, err := Read(write(t, filepath.Join(folder, "keys"), text))
		if problem := protocol.AsError(err, protocol.InternalError); problem.Code != protocol.ConfigurationError || !strings.HasSuffix(problem.Message, why) || strings.Contains(err.Error(), "sword") {
			t.Errorf("%q: %v", text, err)
		}
	}
	path := write(t, filepath.Join(folder, "open"), first)
	for _, mode := range []os.FileMode{0o604, 0o644, 0o620, 0o602, 0o660} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), "other users can read or change it") {
			t.Errorf("%o: %v", mode, err)
		}
	}
	for _, missing := range []string{filepath.Join(folder, "nowhere"), folder} {
		if _, err := Read(missing); err == nil {
			t.Error("there is no error for " + missing)
		}
	}
	if keys, err := Read(""); keys != nil || err != nil {
		t.Errorf("%v, %v", keys, err)
	}
}

func TestCodec(t *testing.T) {
	one, other := keysOf(t, first), keysOf(t, second)
	plain := &commonpb.Payload{Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: []byte(`"swordfish"`)}
	encoded, err := one.Codecs()[0].Encode([]*commonpb.Payload{plain})
	if err != nil || bytes.Contains(encoded[0].GetData(), []byte("swordfish")) || string(encoded[0].GetMetadata()["encryption-key-id"]) != one.all[0].id {
		t.Fatalf("%v, %v", encoded, err)
	}
	decoded, err := one.Codecs()[0].Decode([]*commonpb.Payload{encoded[0], plain})
	if err != nil || !proto.Equal(decoded[0], plain) || !proto.Equal(decoded[1], plain) {
		t.Errorf("%v, %v", decoded, err)
	}
	decoded, err = other.Codecs()[0].Decode(encoded)
	var into string
	if failure := converter.GetDefaultDataConverter().FromPayload(decoded[0], &into); err != nil || failure == nil ||
		!strings.Contains(failure.Error(), "encrypted with the key "+one.all[0].id+", which is not in") {
		t.Errorf("%v, %v", err, failure)
	}
	if (*Keys)(nil).Codecs() != nil {
		t.Error("there is a codec without keys")
	}
}
