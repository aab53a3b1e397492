package redis

import (
	"slices"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/redistest"
)

func TestAdvice(t *testing.T) {
	server := redistest.Start(t)
	at := "the Redis server redis://" + server.Address + "/0 "
	for _, c := range []struct {
		settings []string
		want     []string
	}{
		{nil, nil},
		{[]string{"maxmemory-policy", "allkeys-lru"}, nil}, // Without a limit it is never full.
		{[]string{"maxmemory", "100mb"}, []string{at + "deletes results when it is full (maxmemory-policy allkeys-lru); set maxmemory-policy noeviction"}},
		{[]string{"maxmemory-policy", "volatile-lru"}, nil}, // No key of a result store expires.
		{[]string{"appendfsync", "everysec"}, []string{at + "may lose the last results when its machine fails (appendfsync everysec); set appendfsync always"}},
		{[]string{"appendonly", "no"}, []string{at + "loses results when it stops (appendonly no); set appendonly yes and appendfsync always"}},
	} {
		if c.settings != nil {
			server.Do("CONFIG", "SET", c.settings[0], c.settings[1])
		}
		if got := opened(t, server.URL("", 0)).Advice(); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.settings, got, c.want)
		}
	}
	server.Do("ACL", "SETUSER", "gleitzeit", "on", ">word", "~gleitzeit:*", "+@read", "+@write", "+@scripting", "+@connection")
	if got := opened(t, server.URL("gleitzeit:word@", 0)).Advice(); got != nil {
		t.Errorf("a server that does not tell: %q", got)
	}
	server.Do("ACL", "SETUSER", "gleitzeit", "+config|get")
	if got := opened(t, server.URL("gleitzeit:word@", 0)).Advice(); len(got) != 1 {
		t.Errorf("a server that tells when it is asked: %q", got)
	}
}
