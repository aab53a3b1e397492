package rules

// methods: unknown methods and protocols, and those that do not belong together.
func methods(c *Context) {
	for _, task := range c.Calls() {
		if wrong := task.MethodError; wrong != nil {
			c.report(wrong.At, wrong.Message, wrong.Hint)
		}
	}
}
