// Package redis keeps results in a Redis server that many processes, on many machines, may use at once. It must not know
// what the results mean: it sees records, and values as bytes.
package redis

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/gleitzeit/gleitzeit/internal/resultstore/packed"
)

const (
	dialTimeout   = 3 * time.Second
	answerTimeout = 30 * time.Second // 64 MiB reach a slow disk in less.
	retries       = 3                // Of one call, over what passes in a moment: a restart of the server, say.
	leastPause    = 50 * time.Millisecond
	longestPause  = 500 * time.Millisecond
	connections   = 32 // What arrives together, the server writes to its disk together.
)

// Store is a resultstore.Store in a Redis server. Open makes one.
type Store struct {
	address string // As messages show it: no name, no password.
	client  *redis.Client
	codec   packed.Codec
	advice  []string
	closing sync.Once
	closed  error
	ending  context.Context // Ends with Close.
	end     context.CancelFunc
}

// quiet keeps the client's own lines off standard error: what they tell is in the errors that it returns. It can only be
// told for the whole process.
var quiet = sync.OnceFunc(logging.Disable)

// Open connects to the server of a URL: redis://[user:password@]host[:port][/database], or rediss:// for TLS. Its errors
// are *protocol.Error of the code PersistenceFailed, or ConfigurationError for what is no such URL, or the context's
// own. None of them holds the password.
func Open(ctx context.Context, url string) (*Store, error) {
	quiet()
	options, address, err := parse(url)
	if err != nil {
		return nil, err
	}
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = dialTimeout, answerTimeout, answerTimeout
	options.ContextTimeoutEnabled = true
	options.MaxRetries, options.MinRetryBackoff, options.MaxRetryBackoff = retries, leastPause, longestPause
	options.DialerRetries = 1 // Whoever calls retries; both at once would multiply.
	options.PoolSize = connections
	options.DisableIdentity = true // Two commands a connection that nothing here needs.
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	s := &Store{address: address}
	if s.codec, err = packed.New(); err != nil {
		return nil, err
	}
	s.ending, s.end = context.WithCancel(context.Background())
	s.client = redis.NewClient(options)
	if err := s.look(ctx); err != nil {
		// The client has nothing to flush; why it cannot be used says more than why it does not close.
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// look finds out whether this program may use what the server has, and how safe it is there.
func (s *Store) look(ctx context.Context) error {
	have, err := ask(ctx, s, func(ctx context.Context) (string, error) {
		return optional(s.client.Get(ctx, prefix+"schema").Result())
	})
	if err != nil {
		return err
	}
	if have != "" && have != schema {
		return s.newer(have)
	}
	s.advice, err = ask(ctx, s, s.safety)
	return err
}

// ask makes a call and returns its answer with the error translated. A call whose context ends is let go of at once: the
// client itself would wait for the answer, up to its timeouts.
func ask[T any](ctx context.Context, s *Store, call func(context.Context) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	var nothing T
	if err := ctx.Err(); err != nil {
		return nothing, err
	}
	calling, cancel := context.WithCancel(ctx)
	answered := make(chan answer, 1)
	stop := context.AfterFunc(s.ending, cancel)
	go func() {
		defer cancel()
		defer stop()
		value, err := call(calling)
		answered <- answer{value, err}
	}()
	select {
	case a := <-answered:
		if a.err != nil {
			return nothing, s.trouble(ctx, a.err)
		}
		return a.value, nil
	case <-ctx.Done():
		return nothing, ctx.Err()
	}
}

// Advice implements resultstore.Adviser.
func (s *Store) Advice() []string { return s.advice }

// Close implements resultstore.Store.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.end()
		if err := s.client.Close(); err != nil {
			s.closed = s.trouble(context.Background(), err)
		}
	})
	return s.closed
}
