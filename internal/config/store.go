package config

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// The backends, and the schemes of their URLs.
const (
	sqliteBackend = "sqlite"
	redisBackend  = "redis"
	memoryBackend = "memory"
	noBackend     = "none" // Means memory, too.
	redisTLS      = "rediss"
	memoryURL     = "memory:"
	defaultRedis  = "redis://127.0.0.1:6379/0"
)

// store is the URL of the result store. What it is made of may come from several places, and a variable counts more
// than the file.
func (l *loader) store(home string) string {
	d := l.decide()
	address := ""
	switch d.backend {
	case redisBackend:
		address = l.redis(&d)
	case memoryBackend:
		address = memoryURL
	default:
		address = l.sqlite(&d, home)
	}
	if host, is := l.written["persistence.redis.host"]; is && d.backend == "" {
		l.warn(host.at, "persistence.redis is ignored without persistence.backend: redis")
	}
	from := strings.Join(d.from, ", ")
	if from == "" {
		from = fromDefault
	}
	l.entry("store", value.String(shownURL(address)), from)
	return address
}

// decision is which backend it is, and who has said so.
type decision struct {
	backend string
	from    []string
}

func (d *decision) by(s said) {
	if s.is() && !slices.Contains(d.from, s.from) {
		d.from = append(d.from, s.from)
	}
}

// decide finds the backend: a variable that names it, else one that only it has, else the file.
func (l *loader) decide() decision {
	var d decision
	named := l.ofVariable("GLEITZEIT_PERSISTENCE_BACKEND")
	path, address := l.ofVariable("GLEITZEIT_SQLITE_PATH"), l.ofVariable("GLEITZEIT_REDIS_URL")
	inFile := l.ofFile("store", "persistence.backend")
	switch {
	case named.is():
	case path.is() && address.is():
		l.mistake(path.at, "GLEITZEIT_REDIS_URL is set as well; choose one by GLEITZEIT_PERSISTENCE_BACKEND")
		return d
	case path.is():
		d.backend = sqliteBackend
		return d
	case address.is():
		d.backend = redisBackend
		return d
	case l.written["store"].at != "":
		d.backend = l.scheme(inFile)
		d.by(inFile)
		return d
	default:
		named = inFile
	}
	if !named.is() {
		return d
	}
	d.by(named)
	switch backend := strings.ToLower(named.text()); backend {
	case sqliteBackend, redisBackend, memoryBackend:
		d.backend = backend
	case noBackend:
		d.backend = memoryBackend
	default:
		l.mistake(named.at, "unknown backend %q; the backends are sqlite, redis, memory and none", named.text())
	}
	return d
}

// scheme is the backend of the URL in the file. What stands after the scheme may be a password.
func (l *loader) scheme(store said) string {
	scheme, rest, isURL := strings.Cut(store.text(), ":")
	switch {
	case store.text() == memoryBackend: // In YAML its colon would need quotes.
		return memoryBackend
	case isURL && scheme == redisTLS:
		return redisBackend
	case isURL && (scheme == sqliteBackend && rest != "" || scheme == redisBackend || scheme == memoryBackend && rest == ""):
		return scheme
	}
	l.mistake(store.at, "store must be sqlite:PATH, redis://[user:password@]host[:port][/database], rediss://… or memory")
	return ""
}

// ofStore is what the key store says, where it is a URL with one of the schemes.
func (l *loader) ofStore(schemes ...string) said {
	found, is := l.written["store"]
	if !is {
		return said{}
	}
	scheme, _, _ := strings.Cut(found.texts[0], ":")
	if !slices.Contains(schemes, scheme) {
		return said{}
	}
	return l.ofFile("store")
}

func (l *loader) sqlite(d *decision, home string) string {
	if given := l.ofVariable("GLEITZEIT_SQLITE_PATH"); given.is() {
		d.by(given)
		return sqliteBackend + ":" + absolute(currentFolder(), given.text())
	}
	given := l.ofStore(sqliteBackend)
	if !given.is() {
		given = l.ofFile("persistence.sqlite.db_path")
	}
	if path := strings.TrimPrefix(given.text(), sqliteBackend+":"); path != "" {
		d.by(given)
		return sqliteBackend + ":" + absolute(filepath.Dir(l.file), path)
	}
	return sqliteBackend + ":" + filepath.Join(home, "results.db")
}

// currentFolder is where relative paths of variables begin; where it is gone they stay relative.
func currentFolder() string {
	folder, err := os.Getwd()
	if err != nil {
		return ""
	}
	return folder
}

func (l *loader) redis(d *decision) string {
	given := l.ofVariable("GLEITZEIT_REDIS_URL")
	if scheme, _, isURL := strings.Cut(given.text(), "://"); given.is() && (!isURL || scheme != redisBackend && scheme != redisTLS) {
		l.mistake(given.at, "the URL must begin with redis:// or rediss://")
		return ""
	}
	if !given.is() {
		given = l.ofStore(redisBackend, redisTLS)
	}
	d.by(given)
	address := given.text()
	if !given.is() {
		address = l.redisOfParts(d)
	}
	password := l.ofVariable("GLEITZEIT_REDIS_PASSWORD")
	parsed, err := url.Parse(address)
	if !password.is() || err != nil { // What is no URL is refused by who opens it.
		return address
	}
	if _, has := parsed.User.Password(); has {
		return address
	}
	d.by(password)
	parsed.User = url.UserPassword(parsed.User.Username(), password.text())
	return parsed.String()
}

// redisOfParts makes the URL of what the file of the program before has.
func (l *loader) redisOfParts(d *decision) string {
	host, port, database := "127.0.0.1", "6379", "0"
	for _, part := range []struct {
		name string
		of   *string
	}{{"persistence.redis.host", &host}, {"persistence.redis.port", &port}, {"persistence.redis.db", &database}} {
		if given := l.ofFile(part.name); given.text() != "" {
			d.by(given)
			*part.of = given.text()
		}
	}
	return redisBackend + "://" + net.JoinHostPort(host, port) + "/" + database
}

// shownURL is a URL without its password. Of one that cannot be read, nothing after the scheme is shown.
func shownURL(address string) string {
	scheme, rest, _ := strings.Cut(address, ":")
	if !strings.HasPrefix(rest, "//") {
		return address
	}
	parsed, err := url.Parse(address)
	if err != nil || parsed.RawQuery != "" || parsed.Fragment != "" {
		return scheme + "://…"
	}
	return parsed.Redacted()
}
