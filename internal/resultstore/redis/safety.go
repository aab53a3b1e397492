package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// safety asks how the server is configured and returns what its operator should change. A server that does not tell, as
// those that others operate often do not, is taken to be right: docs/stores.md says what it must be.
func (s *Store) safety(ctx context.Context) ([]string, error) {
	settings := map[string]string{}
	for _, pattern := range []string{"append*", "maxmemory*"} {
		found, err := s.client.ConfigGet(ctx, pattern).Result()
		if _, refused := errors.AsType[redis.Error](err); refused {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		for name, value := range found {
			settings[name] = value
		}
	}
	var advice []string
	say := func(format string, args ...any) {
		advice = append(advice, "the Redis server "+s.address+" "+fmt.Sprintf(format, args...))
	}
	switch {
	case settings["appendonly"] != "yes":
		say("loses results when it ends (appendonly no); set appendonly yes and appendfsync always")
	case settings["appendfsync"] != "always":
		say("loses what it got in the last moment when its machine fails (appendfsync %s); set appendfsync always", settings["appendfsync"])
	}
	if policy := settings["maxmemory-policy"]; settings["maxmemory"] != "0" && strings.HasPrefix(policy, "allkeys-") {
		say("throws results away when it is full (maxmemory-policy %s); set maxmemory-policy noeviction", policy)
	}
	return advice, nil
}
