package redis_test

import (
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/redistest"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/redis"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/storetest"
)

func TestContract(t *testing.T) {
	server := redistest.Start(t)
	storetest.Run(t, func(t *testing.T) resultstore.Store {
		server.Do("FLUSHALL")
		store, err := redis.Open(t.Context(), server.URL("", 0))
		if err != nil {
			t.Fatal(err)
		}
		return store
	})
}
