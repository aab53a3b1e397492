package rules

// outputs: references in the run's outputs that are none, or lead to nothing.
func outputs(c *Context) {
	for i, texts := range c.Outputs {
		c.checkTexts(texts, place{})
		c.checkKeys(c.Flow.Outputs[i].Value)
	}
}
