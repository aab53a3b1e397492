package rules

// outputs: references in the run's outputs that are none, or lead to nothing.
func outputs(c *Context) {
	for i, texts := range c.Outputs {
		checkTexts(c, texts, place{})
		checkKeys(c, c.Definition.Outputs[i].Value)
	}
}
