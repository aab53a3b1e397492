package config

import (
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Server is the settings of `gleitzeit server`.
type Server struct {
	BatchAPI     bool // It serves the Batch API.
	BatchAPIPort int  // On loopback; 0 is any.
	MaxFileSize  int64
	MaxRequests  int                // Of a batch.
	ModelNames   []protocol.Setting // Names of models on the servers, by those in requests.
}

// The defaults of the Batch API. The limits are those of OpenAI.
const (
	DefaultBatchAPIPort = 8235
	DefaultMaxFileSize  = 200 << 20
	DefaultMaxRequests  = 50_000
)

const maxPort = 65535

// readServer reads the settings of `gleitzeit server`.
func readServer(l *loader) Server {
	const port, size, names = "server.batch_api_port", "server.max_file_size", "server.model_names"
	s := Server{BatchAPI: l.boolean("server.batch_api", false), BatchAPIPort: l.count(port, DefaultBatchAPIPort)}
	if s.BatchAPIPort > maxPort {
		l.fail(l.fromFile(port).at, "%s must be a port (0 to %d), not %d", port, maxPort, s.BatchAPIPort)
	}
	from := fromDefault
	s.MaxFileSize = DefaultMaxFileSize
	if given := l.fromFile(size); given.isSet() {
		form := ""
		from = given.from
		if s.MaxFileSize, form = bytesOf(given.text()); form != "" {
			l.fail(given.at, "%s must be %s, not %q", size, form, given.text())
		}
	}
	l.entry(size, value.String(shownBytes(s.MaxFileSize)), from)
	s.MaxRequests = l.count("server.max_requests", DefaultMaxRequests)
	given, shown := l.fromFile(names), value.Object()
	for i := 0; i+1 < len(given.texts); i += 2 {
		name, text := given.texts[i], given.texts[i+1]
		if name == "" || text == "" {
			l.fail(given.at, "%s has an empty name", names)
		}
		s.ModelNames = append(s.ModelNames, protocol.Setting{Name: name, Value: text})
		shown = shown.With(name, value.String(text))
	}
	if len(s.ModelNames) > 0 {
		l.entry(names, shown, given.from)
	}
	return s
}
