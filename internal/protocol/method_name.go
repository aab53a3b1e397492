package protocol

import (
	"regexp"
	"strings"
)

// The placeholders in a method pattern: a server's name, and, at the end, any text.
const (
	placeServer = "SERVER"
	placeName   = "NAME"
)

// IsPattern reports whether the method stands for many names: "mcp/SERVER.tool.NAME".
func (m Method) IsPattern() bool {
	return strings.Contains(m.Name, placeServer) || strings.HasSuffix(m.Name, placeName)
}

// Pattern returns the regular expression of the names that the method stands for.
func (m Method) Pattern() string {
	text := strings.Replace(regexp.QuoteMeta(m.Name), placeServer, "[A-Za-z0-9_-]+", 1)
	if before, is := strings.CutSuffix(text, placeName); is {
		text = before + ".+"
	}
	return "^" + text + "$"
}

// matches reports whether the name is one of the method's, and returns the server in it; "" if it has none.
func (m Method) matches(name string) (server string, matches bool) {
	if !m.IsPattern() {
		return "", m.Name == name
	}
	pattern := m.Name
	if before, after, names := strings.Cut(pattern, placeServer); names {
		rest, is := strings.CutPrefix(name, before)
		if !is {
			return "", false
		}
		server, rest, _ = strings.Cut(rest, ".")
		if server != BuiltinServer && ServerNameProblem(server) != "" {
			return "", false
		}
		pattern, name = after, "."+rest
	}
	if before, open := strings.CutSuffix(pattern, placeName); open {
		rest, is := strings.CutPrefix(name, before)
		return server, is && rest != ""
	}
	return server, name == pattern
}

// Find returns the method of a name, under that name. A pattern is found if the server in the name is one of the spec's or of
// others; a name without a server, if there is any server at all.
func (s *Spec) Find(name string, others ...string) (Method, bool) {
	for _, m := range s.Methods {
		if m.Name == name && !m.IsPattern() {
			return m, true
		}
	}
	for _, m := range s.Methods {
		if !m.IsPattern() {
			continue
		}
		server, is := m.matches(name)
		if !is || !s.hasServer(server, others) {
			continue
		}
		m.Name = name
		return m, true
	}
	return Method{}, false
}

func (s *Spec) hasServer(server string, others []string) bool {
	if s.AnyServer || server == BuiltinServer {
		return true
	}
	if server == "" {
		return len(s.Servers)+len(others) > 0
	}
	for _, known := range [][]string{s.Servers, others} {
		for _, one := range known {
			if one == server {
				return true
			}
		}
	}
	return false
}

// ServerOf returns the server in a name that a method pattern matches; "" if there is none.
func (s *Spec) ServerOf(name string) string {
	for _, m := range s.Methods {
		if server, is := m.matches(name); is {
			if !m.IsPattern() {
				return ""
			}
			if server != "" {
				return server
			}
		}
	}
	return ""
}

// MayNeedServer reports whether a call of that name goes to a server: the one in its name, or one that has the named tool.
func (s *Spec) MayNeedServer(name string) bool {
	for _, m := range s.Methods {
		if m.Name == name && !m.IsPattern() {
			return m.Servers
		}
	}
	for _, m := range s.Methods {
		if _, is := m.matches(name); is && m.IsPattern() {
			return true
		}
	}
	return false
}
