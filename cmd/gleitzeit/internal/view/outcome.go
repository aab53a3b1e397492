package view

import "github.com/gleitzeit/gleitzeit/internal/value"

// Outcome is what a run has brought, as an object: its outputs, or without outputs the gist of each task that nothing
// depends on. Results must have been added.
func (r *Run) Outcome() value.Value {
	if r.hasOutputs() {
		return r.Outputs
	}
	var fields []value.Field
	for _, task := range r.leaves() {
		brought := *task.Result
		if task.Items == nil {
			brought = MainValue(brought)
		}
		fields = append(fields, value.Field{Name: task.ID, Value: brought})
	}
	return value.Object(fields...)
}
