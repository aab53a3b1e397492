package rules

// methods: methods and protocols that nobody has, and those that do not go together.
func methods(c *Context) {
	for _, task := range c.Tasks {
		if _, wrong := c.methodOf(task); wrong != nil {
			c.report(wrong.at, wrong.message, wrong.hint)
		}
	}
}
