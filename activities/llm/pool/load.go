package pool

import (
	"maps"
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Load returns what the servers of the pool work on for this process.
func (p *Pool) Load() []protocol.ServerLoad {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]protocol.ServerLoad, len(p.Members))
	for i, m := range p.Members {
		calls := map[string]int{}
		for _, place := range m.places {
			calls[place.model]++
		}
		load := protocol.ServerLoad{Server: m.Server, Calls: len(m.places), Limit: m.limit, Waiting: len(p.waiting)}
		for _, model := range slices.Sorted(maps.Keys(calls)) {
			load.Models = append(load.Models, protocol.ModelLoad{Name: model, Calls: calls[model]})
		}
		all[i] = load
	}
	return all
}
