package protocol

import (
	"regexp"
	"strings"
)

// The placeholders in the name of an open method: a server's name, and, at the end, any text.
const (
	placeServer = "SERVER"
	placeName   = "NAME"
)

// Open tells whether the method stands for many names: "mcp/SERVER.tool.NAME".
func (m Method) IsPattern() bool {
	return strings.Contains(m.Name, placeServer) || strings.HasSuffix(m.Name, placeName)
}

// Pattern is the regular expression of the names that an open method stands for.
func (m Method) Pattern() string {
	text := strings.Replace(regexp.QuoteMeta(m.Name), placeServer, "[A-Za-z0-9_-]+", 1)
	if before, is := strings.CutSuffix(text, placeName); is {
		text = before + ".+"
	}
	return "^" + text + "$"
}

// stands tells whether the method is meant by a name, and which server the name names; "" where it names none.
func (m Method) stands(name string) (server string, stands bool) {
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

// Find returns the method of a name, under that name. An open one is found where the server that the name names is one of
// the spec's, or of others; where it names none, if there is any server at all.
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
		server, is := m.stands(name)
		if !is || !s.serves(server, others) {
			continue
		}
		m.Name = name
		return m, true
	}
	return Method{}, false
}

func (s *Spec) serves(server string, others []string) bool {
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

// ServerOf returns the server that the name of an open method names; "" where it names none, or is none.
func (s *Spec) ServerOf(name string) string {
	for _, m := range s.Methods {
		if server, is := m.stands(name); is {
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

// MayNeedServer tells whether a call of that name is for a server: the one that it names, or one that has what it names.
func (s *Spec) MayNeedServer(name string) bool {
	for _, m := range s.Methods {
		if m.Name == name && !m.IsPattern() {
			return m.Servers
		}
	}
	for _, m := range s.Methods {
		if _, is := m.stands(name); is && m.IsPattern() {
			return true
		}
	}
	return false
}
