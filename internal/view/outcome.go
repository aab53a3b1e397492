package view

import "github.com/gleitzeit/gleitzeit/internal/protocol"

// Outcome is what a run has brought, as an object: its outputs, or without outputs the gist of each task that nothing
// depends on. Results must have been added.
func (r *Run) Outcome() protocol.Value {
	if len(r.Outputs.Fields()) > 0 {
		return r.Outputs
	}
	awaited := r.awaited()
	var fields []protocol.Field
	for _, task := range r.Tasks {
		switch {
		case task.Result == nil || awaited[task.ID]:
		case task.Items != nil:
			fields = append(fields, protocol.Field{Name: task.ID, Value: *task.Result})
		default:
			fields = append(fields, protocol.Field{Name: task.ID, Value: Gist(*task.Result)})
		}
	}
	return protocol.OfObject(fields...)
}
