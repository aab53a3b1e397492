package rules

// methods: unknown methods and protocols, and those that do not belong together.
func methods(c *Context) {
	for _, task := range c.Calls() {
		if wrong := task.MethodError; wrong != nil {
			c.report(wrong.At, wrong.Message, wrong.Hint)
		}
	}
}

// sourceFiles: script files that do not exist, cannot be scripts, or are not known before the run starts.
func sourceFiles(c *Context) {
	for _, task := range c.Calls() {
		c.reportAll(task.SourceErrors)
	}
}
