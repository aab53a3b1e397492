package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// safety reads the configuration of the server and returns what its operator should change. A server that denies it, as
// managed ones often do, is assumed to be configured well: docs/stores.md has the requirements.
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
	add := func(format string, args ...any) {
		advice = append(advice, "the Redis server "+s.address+" "+fmt.Sprintf(format, args...))
	}
	switch {
	case settings["appendonly"] != "yes":
		add("loses results when it stops (appendonly no); set appendonly yes and appendfsync always")
	case settings["appendfsync"] != "always":
		add("may lose the last results when its machine fails (appendfsync %s); set appendfsync always", settings["appendfsync"])
	}
	if policy := settings["maxmemory-policy"]; settings["maxmemory"] != "0" && strings.HasPrefix(policy, "allkeys-") {
		add("deletes results when it is full (maxmemory-policy %s); set maxmemory-policy noeviction", policy)
	}
	return advice, nil
}
