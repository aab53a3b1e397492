package config

import (
	"net/netip"
	"regexp"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Server is the settings of `gleitzeit server`.
type Server struct {
	BatchAPI     bool // It serves the Batch API.
	BatchAPIPort int  // 0 is any.

	BatchAPIAddress string             // That it listens on.
	BatchAPICert    string             // Absolute path of its certificate; empty: it has no TLS.
	BatchAPIKey     string             // Absolute path of the key of the certificate.
	BatchAPITokens  []protocol.Setting // Names of secrets with tokens, by those of their users.

	MaxFileSize int64
	MaxRequests int                // Of a batch.
	ModelNames  []protocol.Setting // Names of models on the servers, by those in requests.
}

// The defaults of the Batch API. The limits are those of OpenAI.
const (
	DefaultBatchAPIPort    = 8235
	DefaultBatchAPIAddress = "127.0.0.1"

	DefaultMaxFileSize = 200 << 20
	DefaultMaxRequests = 50_000
)

const maxPort = 65535

// readServer reads the settings of `gleitzeit server`.
func readServer(l *loader) Server {
	const port, size, names = "server.batch_api_port", "server.max_file_size", "server.model_names"
	s := Server{BatchAPI: l.boolean("server.batch_api", false), BatchAPIPort: l.count(port, DefaultBatchAPIPort)}
	if s.BatchAPIPort > maxPort {
		l.fail(l.fromFile(port).at, "%s must be a port (0 to %d), not %d", port, maxPort, s.BatchAPIPort)
	}
	readBatchAPIAccess(l, &s)
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

// readBatchAPIAccess reads where the Batch API listens, and for whom.
func readBatchAPIAccess(l *loader, s *Server) {
	const address, cert, key, tokens = "server.batch_api_address", "server.batch_api_tls.cert", "server.batch_api_tls.key", "server.batch_api_tokens"
	s.BatchAPIAddress = l.word(address, DefaultBatchAPIAddress)
	if _, err := netip.ParseAddr(s.BatchAPIAddress); err != nil {
		l.fail(l.fromFile(address).at, "%s must be an IP address of this machine, such as 192.0.2.7, or 0.0.0.0 for all of them, not %q", address, s.BatchAPIAddress)
	}
	s.BatchAPICert, s.BatchAPIKey = l.onePath(cert, ""), l.onePath(key, "")
	switch {
	case s.BatchAPICert != "" && s.BatchAPIKey == "":
		l.fail(l.fromFile(cert).at, "%s needs %s", cert, key)
	case s.BatchAPICert == "" && s.BatchAPIKey != "":
		l.fail(l.fromFile(key).at, "%s needs %s", key, cert)
	}
	given, shown := l.fromFile(tokens), value.Object()
	for i := 0; i+1 < len(given.texts); i += 2 {
		name, text := given.texts[i], given.texts[i+1]
		secret := secretReference.FindStringSubmatch(text)
		switch {
		case !userPattern.MatchString(name):
			l.fail(given.at, "%s: the name of a user consists of letters, digits, dots, dashes and underscores, and %q does not", tokens, name)
		case secret == nil: // It is not shown: it may be the token.
			l.fail(given.at, "%s.%s must be ${secrets.NAME}; the secret is in the environment variable GLEITZEIT_SECRET_NAME, in secrets.dir or in secrets.env_file", tokens, name)
		default:
			s.BatchAPITokens = append(s.BatchAPITokens, protocol.Setting{Name: name, Value: secret[1]})
			shown = shown.With(name, value.String(text))
		}
	}
	if len(s.BatchAPITokens) > 0 {
		l.entry(tokens, shown, given.from)
	}
}

// userPattern is the name of a user of the Batch API.
var userPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
