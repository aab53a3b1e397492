package memory_test

import (
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(*testing.T) resultstore.Store { return memory.New() })
}
