package rules

// methods: methods and protocols that nobody has, and those that do not go together.
func methods(c *Context) {
	for _, task := range c.Tasks {
		if wrong := task.MethodError; wrong != nil {
			c.report(wrong.At, wrong.Message, wrong.Hint)
		}
	}
}
