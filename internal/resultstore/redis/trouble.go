package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// answers are what the server says when it will not do a thing. Older ones wrap the word into more text where a script
// was refused.
var answers = []struct {
	words   []string
	problem string
	hint    string
	kind    protocol.ErrorKind
}{
	{[]string{"OOM "}, "the Redis server %s is full", "make room or raise its maxmemory: what is finished is kept", protocol.Transient},
	{[]string{"MISCONF "}, "the Redis server %s cannot write to its own disk", "look at its disk and its log", protocol.Transient},
	{[]string{"LOADING "}, "the Redis server %s is reading its data and answers soon", "", protocol.Transient},
	{[]string{"READONLY ", "MASTERDOWN ", "NOREPLICAS "}, "the Redis server %s takes no writes at the moment", "name the primary, not a replica", protocol.Transient},
	{[]string{"BUSY ", "max number of clients reached"}, "the Redis server %s has too much to do", "", protocol.Transient},
	{
		[]string{"WRONGPASS ", "invalid password", "invalid username-password", "AUTH <password> called without"},
		"the Redis server %s refuses the user name or the password", "set GLEITZEIT_REDIS_PASSWORD, or write both into the URL", protocol.Permanent,
	},
	{[]string{"NOAUTH "}, "the Redis server %s wants a password", "set GLEITZEIT_REDIS_PASSWORD", protocol.Permanent},
	{
		[]string{"NOPERM ", "unknown command"}, "the Redis server %s does not let this user do what a result store needs",
		"docs/stores.md has the rights that it needs", protocol.Permanent,
	},
	{[]string{"DB index is out of range"}, "the Redis server %s has no such database", "name a smaller number after the last / of the URL", protocol.Permanent},
	{
		[]string{"non local key", "cluster mode", "MOVED ", "CROSSSLOT "}, "the Redis server %s is part of a cluster, which cannot keep results",
		"name a server of its own", protocol.Permanent,
	},
	{[]string{"WRONGTYPE "}, "the Redis server %s has keys of another program that begin with " + prefix, "name another database of it", protocol.Permanent},
}

// trouble says what is wrong with the server and what to do; the end of the context it hands on as that. It is the one
// place where errors of the client are translated, and none of them holds a password.
func (s *Store) trouble(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, resultstore.ErrNotFound) {
		return err
	}
	if known, ok := errors.AsType[*protocol.Error](err); ok {
		return known
	}
	if s.ending.Err() != nil || errors.Is(err, redis.ErrClosed) {
		return protocol.Errorf(protocol.PersistenceFailed, "the result store %s is closed", s.address)
	}
	said := err.Error()
	for _, answer := range answers {
		if slices.ContainsFunc(answer.words, func(word string) bool { return strings.Contains(said, word) }) {
			return s.failure(answer.problem, answer.hint).WithKind(answer.kind).WithCause(err)
		}
	}
	if _, answered := errors.AsType[redis.Error](err); answered {
		return protocol.Errorf(protocol.PersistenceFailed, "the Redis server %s failed: %v", s.address, err).WithCause(err)
	}
	if untrusted, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return protocol.Errorf(protocol.PersistenceFailed, "the certificate of the Redis server %s is not trusted: %v", s.address, untrusted.Err).WithCause(err).
			WithHint("SSL_CERT_FILE names the authorities that are").WithKind(protocol.Permanent)
	}
	return s.away(err)
}

// away is for a server that does not answer.
func (s *Store) away(err error) error {
	why := err.Error()
	if network, ok := errors.AsType[*net.OpError](err); ok {
		why = network.Err.Error()
		if call, ok := errors.AsType[*os.SyscallError](err); ok {
			why = call.Err.Error()
		}
		if network.Timeout() {
			why = fmt.Sprintf("no answer within %s", timeoutOf(network.Op))
		}
	}
	return protocol.Errorf(protocol.PersistenceFailed, "the Redis server %s cannot be reached: %s", s.address, why).WithCause(err).
		WithHint("start it, or look at the address")
}

func timeoutOf(operation string) string {
	if operation == "dial" {
		return dialTimeout.String()
	}
	return answerTimeout.String()
}

func (s *Store) failure(problem, hint string) *protocol.Error {
	failure := protocol.Errorf(protocol.PersistenceFailed, problem, s.address)
	if hint != "" {
		failure = failure.WithHint("%s", hint)
	}
	return failure
}

func (s *Store) damaged(cause error) error {
	return protocol.Errorf(protocol.PersistenceFailed, "what the Redis server %s keeps is damaged: %v", s.address, cause).WithCause(cause).WithKind(protocol.Permanent)
}

// newer refuses what a later program has made.
func (s *Store) newer(have string) error {
	return protocol.Errorf(protocol.PersistenceFailed, "the results in the Redis server %s have schema version %.20s, and this program knows version %s", s.address, have, schema).
		WithHint("use the newer gleitzeit that wrote them, or name another database of it").WithKind(protocol.Permanent)
}
