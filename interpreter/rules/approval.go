package rules

// approvals: keys that tasks which wait for people cannot have, and defaults that never count.
func approvals(c *Context) {
	for _, task := range c.Tasks {
		if task.Method == nil || !task.Method.Waits {
			continue
		}
		name := task.Method.Name
		if task.Parent != nil {
			c.report(task.Place(), task.Label()+": "+name+" is not supported in steps", "ask once, in a task of its own, and refer to its values")
		}
		if task.Each != nil {
			at := task.Place()
			if task.Each.Node != nil {
				at = task.Each.Node.Position
			}
			c.report(at, task.Label()+": "+name+" is not supported with items", "ask once, in a task of its own, and refer to its values")
		}
		for _, key := range []struct {
			name, hint string
			has        bool
		}{
			{"retry", "what is rejected is not asked again; `gleitzeit retry` does that", task.Task.Retry != nil},
			{"repeat", "remove it", task.Repeat != nil},
			{"queue", "remove it: no worker executes the task, the run waits", task.Queue != nil},
		} {
			if !key.has {
				continue
			}
			at := task.Place() // Of a default.
			if own := task.Node.Get(key.name); own != nil {
				at = own.Position
			}
			c.report(at, task.Label()+": "+key.name+" is not supported by "+name, key.hint)
		}
		if task.Parameters == nil || task.AttemptTimeout() > 0 {
			continue
		}
		if given := task.Parameters.Get("default"); given != nil {
			c.report(given.Position, task.Label()+": the default of "+name+" never counts without a timeout", "add timeout, such as 2h")
		}
	}
}
