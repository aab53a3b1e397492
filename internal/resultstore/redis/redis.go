// Package redis stores results in a Redis server that many processes, on many machines, may use at once. It must not know
// what the results mean: it sees records, and values as bytes.
package redis

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/packed"
)

const (
	dialTimeout   = 3 * time.Second
	answerTimeout = 30 * time.Second // Writing 64 MiB to a slow disk takes less.
	retries       = 3                // Of one call, for short interruptions such as a restart of the server.
	minPause      = 50 * time.Millisecond
	maxPause      = 500 * time.Millisecond
	connections   = 32 // The server writes what arrives together to its disk together.
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

// disableLogging keeps the client's own lines off standard error: they repeat the errors that it returns. The setting is one
// of the whole process.
var disableLogging = sync.OnceFunc(logging.Disable)

// Open connects to the server of a URL: redis://[user:password@]host[:port][/database], or rediss:// for TLS. Its errors
// are *protocol.Error of the code PersistenceFailed, or ConfigurationError for an invalid URL, or the context's own. None
// of them contains the password.
func Open(ctx context.Context, url string) (*Store, error) {
	disableLogging()
	options, address, err := parse(url)
	if err != nil {
		return nil, err
	}
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = dialTimeout, answerTimeout, answerTimeout
	options.ContextTimeoutEnabled = true
	options.MaxRetries, options.MinRetryBackoff, options.MaxRetryBackoff = retries, minPause, maxPause
	options.DialerRetries = 1 // The calls themselves retry; both together would multiply.
	options.PoolSize = connections
	options.DisableIdentity = true // Saves two commands for each connection.
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	s := &Store{address: address}
	if s.codec, err = packed.New(); err != nil {
		return nil, err
	}
	s.ending, s.end = context.WithCancel(context.Background())
	s.client = redis.NewClient(options)
	if err := s.inspect(ctx); err != nil {
		// The client has nothing to flush, and the first error is the one to report.
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// inspect checks that this program supports the server's data, and reads how safe they are there.
func (s *Store) inspect(ctx context.Context) error {
	have, err := do(ctx, s, func(ctx context.Context) (string, error) {
		return optional(s.client.Get(ctx, prefix+"schema").Result())
	})
	if err != nil {
		return err
	}
	if have != "" && have != schema && have != former {
		return s.newer(have)
	}
	s.advice, err = do(ctx, s, s.safety)
	return err
}

// do makes a call and translates its error. It returns as soon as the context ends: the client itself would wait for the
// answer, up to its timeouts.
func do[T any](ctx context.Context, s *Store, call func(context.Context) (T, error)) (T, error) {
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
			return nothing, s.translate(ctx, a.err)
		}
		return a.value, nil
	case <-ctx.Done():
		return nothing, ctx.Err()
	}
}

// Put implements resultstore.Store. When the context ends Put returns at once; the batch may or may not be kept.
func (s *Store) Put(ctx context.Context, batch resultstore.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	args, err := s.arguments(batch)
	if err != nil {
		return err
	}
	_, err = do(ctx, s, func(ctx context.Context) (any, error) {
		return putScript.Run(ctx, s.client, nil, args...).Result()
	})
	return err
}

// arguments returns the arguments of put.lua.
func (s *Store) arguments(batch resultstore.Batch) ([]any, error) {
	if err := batch.Check(); err != nil {
		return nil, err
	}
	args := make([]any, 0, 4+2*len(batch.Values)+8*len(batch.Records))
	args = append(args, prefix, schema, time.Now().UnixMilli(), len(batch.Values))
	for i, data := range batch.Values {
		value := s.codec.Pack(batch.Name(i), data)
		args = append(args, value.Hash, append([]byte(value.Encoding+":"), value.Data...))
	}
	for _, record := range batch.Records {
		body, err := json.Marshal(record)
		if err != nil {
			return nil, protocol.Errorf(protocol.InternalError, "cannot store a record of run %q: %v", record.Run, err).WithCause(err).WithKind(protocol.Permanent)
		}
		args = append(args, escape(record.Run), escape(record.Execution), field(record.Key), string(record.Kind),
			moment(record.StartedAt), escape(record.Workflow), escape(string(record.Status)), body)
	}
	return args, nil
}

// Advice implements resultstore.Adviser.
func (s *Store) Advice() []string { return s.advice }

// Close implements resultstore.Store.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.end()
		if err := s.client.Close(); err != nil {
			s.closed = s.translate(context.Background(), err)
		}
	})
	return s.closed
}
