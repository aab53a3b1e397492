package provider

import (
	"regexp"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// schemaRefusals are the words of servers that cannot use the schema of an answer: Ollama's, with status 500, and llama.cpp's,
// which name a part of the schema.
var (
	schemaRefusals = []string{"invalid JSON schema in format", "JSON schema conversion failed", "JSON schema error"}
	schemaPart     = regexp.MustCompile(`JSON schema error at (#\S*): (.*)`)
)

// schemaRefusal is the error of a schema that a server cannot use, whatever the status says; nil if it says something else.
func schemaRefusal(server, said string) *protocol.Error {
	for _, words := range schemaRefusals {
		if !strings.Contains(said, words) {
			continue
		}
		if part := schemaPart.FindStringSubmatch(said); part != nil {
			return protocol.Errorf(protocol.InvalidParams, "%s cannot use the schema: %s: %s", server, "schema"+strings.ReplaceAll(part[1][1:], "/", "."), part[2])
		}
		return protocol.Errorf(protocol.InvalidParams, "%s cannot use the schema: %s", server, said).
			WithHint("give every part of the schema a type, and anchor its patterns")
	}
	return nil
}

// HasGroup reports whether a pattern has a group such as (?:…) or a lookahead. Ollama 0.17.4 ends when it gets one, so no server
// gets it.
func HasGroup(pattern string) bool { return strings.Contains(pattern, "(?") }
