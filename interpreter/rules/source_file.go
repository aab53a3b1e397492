package rules

// sourceFiles: script files that do not exist, cannot be scripts, or are not known before the run starts.
func sourceFiles(c *Context) {
	for _, task := range c.Calls() {
		c.reportAll(task.SourceErrors)
	}
}
