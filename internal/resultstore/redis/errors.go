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

// rejections are the errors of the server. Older servers wrap the word in more text if a script was rejected.
var rejections = []struct {
	words   []string
	problem string
	hint    string
	kind    protocol.ErrorKind
}{
	{[]string{"OOM "}, "the Redis server %s is full", "free memory or raise its maxmemory: finished work is not lost", protocol.Transient},
	{[]string{"MISCONF "}, "the Redis server %s cannot write to its own disk", "check its disk and its log", protocol.Transient},
	{[]string{"LOADING "}, "the Redis server %s is loading its data and will answer soon", "", protocol.Transient},
	{[]string{"READONLY ", "MASTERDOWN ", "NOREPLICAS "}, "the Redis server %s accepts no writes at the moment", "name the primary, not a replica", protocol.Transient},
	{[]string{"BUSY ", "max number of clients reached"}, "the Redis server %s is overloaded", "", protocol.Transient},
	{
		[]string{"WRONGPASS ", "invalid password", "invalid username-password", "AUTH <password> called without"},
		"the Redis server %s rejects the user name or the password", "set GLEITZEIT_REDIS_PASSWORD, or put both into the URL", protocol.Permanent,
	},
	{[]string{"NOAUTH "}, "the Redis server %s requires a password", "set GLEITZEIT_REDIS_PASSWORD", protocol.Permanent},
	{
		[]string{"NOPERM ", "unknown command"}, "the Redis server %s denies this user the commands of a result store",
		"docs/stores.md lists the permissions that it needs", protocol.Permanent,
	},
	{[]string{"DB index is out of range"}, "the Redis server %s has no such database", "use a smaller number after the last / of the URL", protocol.Permanent},
	{
		[]string{"non local key", "cluster mode", "MOVED ", "CROSSSLOT "}, "the Redis server %s is part of a Redis Cluster, which is not supported",
		"use a standalone server", protocol.Permanent,
	},
	{[]string{"WRONGTYPE "}, "the Redis server %s has keys of another program with the prefix " + prefix, "use another database of it", protocol.Permanent},
}

// translate returns the error of the store with a hint, or that of the context. It is the one place where errors of the client
// are translated, and none of the results contains a password.
func (s *Store) translate(ctx context.Context, err error) error {
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
	for _, answer := range rejections {
		if slices.ContainsFunc(answer.words, func(word string) bool { return strings.Contains(said, word) }) {
			return s.failure(answer.problem, answer.hint).WithKind(answer.kind).WithCause(err)
		}
	}
	if _, answered := errors.AsType[redis.Error](err); answered {
		return protocol.Errorf(protocol.PersistenceFailed, "the Redis server %s failed: %v", s.address, err).WithCause(err)
	}
	if untrusted, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return protocol.Errorf(protocol.PersistenceFailed, "the certificate of the Redis server %s is not trusted: %v", s.address, untrusted.Err).WithCause(err).
			WithHint("set SSL_CERT_FILE to the certificate authority").WithKind(protocol.Permanent)
	}
	return s.unreachable(err)
}

// unreachable is the error of a server that does not answer.
func (s *Store) unreachable(err error) error {
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
		WithHint("start it, or check the address")
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
	return protocol.Errorf(protocol.PersistenceFailed, "the data in the Redis server %s is damaged: %v", s.address, cause).WithCause(cause).WithKind(protocol.Permanent)
}

// newer is the error of data that a newer program wrote.
func (s *Store) newer(have string) error {
	return protocol.Errorf(protocol.PersistenceFailed, "the results in the Redis server %s have schema version %.20s, and this program supports version %s", s.address, have, schema).
		WithHint("use the newer gleitzeit that wrote them, or use another database of it").WithKind(protocol.Permanent)
}
