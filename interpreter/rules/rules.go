// Package rules checks what a workflow file means: one check, one file, one printed name. It also works out what compiling
// needs and checks need as well: ids, methods, what references mean. It reads script files, and looks for files that tasks
// name, through the fs.FS that it is given and does no other I/O; its findings depend on nothing but its input.
package rules

// Rule is one check.
type Rule struct {
	Name  string // As messages print it: "depends-on".
	Check func(*Context)
}

// All lists the rules. The parser of package definition has two more: syntax and limit.
func All() []Rule {
	return []Rule{
		{"unknown-key", unknownKey},
		{"duplicate-key", duplicateKey},
		{"type", wrongType},
		{"missing", missing},
		{"id-format", idFormat},
		{"duplicate-id", duplicateID},
		{"depends-on", dependsOn},
		{"cycle", cycle},
		{"reference", references},
		{"method", methods},
		{"parameters", parameters},
		{"secret", secrets},
		{"timeout", timeouts},
		{"retry", retries},
		{"priority", priorities},
		{"condition", conditions},
		{"run-if", runIfs},
		{"queue", queues},
		{"cache", caches},
		{"defaults", defaults},
		{"providers", providers},
		{"source-file", sourceFiles},
		{"file", files},
		{"batch", batches},
		{"for-each", forEach},
		{"inputs", inputs},
		{"outputs", outputs},
		{"mcp-servers", toolServers},
	}
}

// Check applies every rule to a workflow. The Context holds what was found out about it, and is complete only where the
// mistakes found, in no order, are none.
func Check(subject Subject) *Context {
	c := resolve(subject)
	for _, rule := range All() {
		c.rule = rule.Name
		rule.Check(c)
	}
	return c
}
