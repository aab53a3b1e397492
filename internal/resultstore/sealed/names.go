package sealed

import "sync"

// maxNames bounds the memory of names.
const maxNames = 100_000

// names are those of values that are in the store for certain.
type names struct {
	mu  sync.Mutex
	all map[string]bool
}

func (n *names) add(all ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.all == nil || len(n.all) > maxNames {
		n.all = map[string]bool{}
	}
	for _, name := range all {
		n.all[name] = true
	}
}

func (n *names) has(name string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.all[name]
}
