package redis

import (
	"errors"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

func TestAddresses(t *testing.T) {
	for _, c := range []struct{ url, address, user, password, shown string }{
		{"redis://host", "host:6379", "", "", "redis://host:6379/0"},
		{"redis://host/", "host:6379", "", "", "redis://host:6379/0"},
		{"redis://host:1234/5", "host:1234", "", "", "redis://host:1234/5"},
		{"redis://:word@host/1", "host:6379", "", "word", "redis://host:6379/1"},
		{"redis://me:w%2Ford@[::1]:7/1", "[::1]:7", "me", "w/ord", "redis://[::1]:7/1"},
		{"rediss://me:word@host", "host:6379", "me", "word", "rediss://host:6379/0"},
	} {
		options, shown, err := parse(c.url)
		if err != nil {
			t.Errorf("%s: %v", c.url, err)
			continue
		}
		if options.Addr != c.address || options.Username != c.user || options.Password != c.password || shown != c.shown {
			t.Errorf("%s: %s, %q, %q, shown as %s", c.url, options.Addr, options.Username, options.Password, shown)
		}
		if encrypted := strings.HasPrefix(c.url, "rediss:"); encrypted != (options.TLSConfig != nil) {
			t.Errorf("%s: TLS is %v", c.url, options.TLSConfig)
		}
	}
}

func TestAddressesThatAreNone(t *testing.T) {
	for url, want := range map[string]string{
		"redis:":                      "invalid URL of the Redis server",
		"redis:s3cret":                "invalid URL of the Redis server",
		"redis://":                    "invalid URL of the Redis server",
		"redis:///0":                  "invalid URL of the Redis server",
		"redis://:s3c/ret@host":       "invalid URL of the Redis server",
		"redis://me:s3c%ret@host":     "invalid URL of the Redis server",
		"redis://me:s3cret@host:x/0":  "invalid URL of the Redis server",
		"redis://me:s3cret@host/x":    `the database of the Redis server must be a number, not "x"`,
		"redis://me:s3cret@host/-1":   `the database of the Redis server must be a number, not "-1"`,
		"redis://me:s3cret@host?db=1": `the URL of the Redis server has a part after "?" or "#", which is not supported`,
		"redis://host#s3cret":         `the URL of the Redis server has a part after "?" or "#", which is not supported`,
	} {
		store, err := Open(t.Context(), url)
		known, ok := errors.AsType[*protocol.Error](err)
		if !ok || known.Code != protocol.ConfigurationError || known.Message != want || store != nil || strings.Contains(err.Error(), "s3c") {
			t.Errorf("%s: %v, %v; want %s", url, store, err, want)
		}
	}
}
