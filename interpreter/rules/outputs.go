package rules

// outputs: invalid references, and references to unknown tasks, in the outputs of the run.
func outputs(c *Context) {
	for i, texts := range c.Outputs {
		checkTexts(c, texts, place{})
		checkKeys(c, c.Definition.Outputs[i].Value)
	}
}
