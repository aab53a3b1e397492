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

// readStore reads the URL of the result store. Its parts may come from several sources, and variables take precedence over
// the file.
func readStore(l *loader, home string) string {
	d := chooseBackend(l)
	address := ""
	switch d.backend {
	case redisBackend:
		address = redisURL(l, &d)
	case memoryBackend:
		address = memoryURL
	default:
		address = sqliteURL(l, &d, home)
	}
	if host, is := l.file.values["persistence.redis.host"]; is && d.backend == "" {
		l.warn(host.at, "persistence.redis is ignored without persistence.backend: redis")
	}
	from := strings.Join(d.from, ", ")
	if from == "" {
		from = fromDefault
	}
	l.entry("store", value.String(shownURL(address)), from)
	return address
}

// decision is the backend, and the sources that decided it.
type decision struct {
	backend string
	from    []string
}

func (d *decision) add(s setting) {
	if s.isSet() && !slices.Contains(d.from, s.from) {
		d.from = append(d.from, s.from)
	}
}

// chooseBackend finds the backend: the variable that names it, else a variable that only it has, else the file.
func chooseBackend(l *loader) decision {
	var d decision
	named := l.fromVariable("GLEITZEIT_PERSISTENCE_BACKEND")
	path, address := l.fromVariable("GLEITZEIT_SQLITE_PATH"), l.fromVariable("GLEITZEIT_REDIS_URL")
	inFile := l.fromFile("store", "persistence.backend")
	switch {
	case named.isSet():
	case path.isSet() && address.isSet():
		l.fail(path.at, "GLEITZEIT_REDIS_URL is set as well; choose one by GLEITZEIT_PERSISTENCE_BACKEND")
		return d
	case path.isSet():
		d.backend = sqliteBackend
		return d
	case address.isSet():
		d.backend = redisBackend
		return d
	case l.file.values["store"].at != "":
		d.backend = schemeOf(l, inFile)
		d.add(inFile)
		return d
	default:
		named = inFile
	}
	if !named.isSet() {
		return d
	}
	d.add(named)
	switch backend := strings.ToLower(named.text()); backend {
	case sqliteBackend, redisBackend, memoryBackend:
		d.backend = backend
	case noBackend:
		d.backend = memoryBackend
	default:
		l.fail(named.at, "unknown backend %q; the backends are sqlite, redis, memory and none", named.text())
	}
	return d
}

// schemeOf returns the backend of the URL in the file. What follows the scheme may be a password.
func schemeOf(l *loader, store setting) string {
	scheme, rest, isURL := strings.Cut(store.text(), ":")
	switch {
	case store.text() == memoryBackend: // Without the colon, which would need quotes in YAML.
		return memoryBackend
	case isURL && scheme == redisTLS:
		return redisBackend
	case isURL && (scheme == sqliteBackend && rest != "" || scheme == redisBackend || scheme == memoryBackend && rest == ""):
		return scheme
	}
	l.fail(store.at, "store must be sqlite:PATH, redis://[user:password@]host[:port][/database], rediss://… or memory")
	return ""
}

// storeInFile returns the key store, where it is a URL with one of the schemes.
func storeInFile(l *loader, schemes ...string) setting {
	found, is := l.file.values["store"]
	if !is {
		return setting{}
	}
	scheme, _, _ := strings.Cut(found.texts[0], ":")
	if !slices.Contains(schemes, scheme) {
		return setting{}
	}
	return l.fromFile("store")
}

func sqliteURL(l *loader, d *decision, home string) string {
	if given := l.fromVariable("GLEITZEIT_SQLITE_PATH"); given.isSet() {
		d.add(given)
		return sqliteBackend + ":" + absolute(currentFolder(), given.text())
	}
	given := storeInFile(l, sqliteBackend)
	if !given.isSet() {
		given = l.fromFile("persistence.sqlite.db_path")
	}
	if path := strings.TrimPrefix(given.text(), sqliteBackend+":"); path != "" {
		d.add(given)
		return sqliteBackend + ":" + absolute(filepath.Dir(l.file.path), path)
	}
	return sqliteBackend + ":" + filepath.Join(home, "results.db")
}

// currentFolder is what paths of variables are relative to; where it does not exist they stay relative.
func currentFolder() string {
	folder, err := os.Getwd()
	if err != nil {
		return ""
	}
	return folder
}

func redisURL(l *loader, d *decision) string {
	given := l.fromVariable("GLEITZEIT_REDIS_URL")
	if scheme, _, isURL := strings.Cut(given.text(), "://"); given.isSet() && (!isURL || scheme != redisBackend && scheme != redisTLS) {
		l.fail(given.at, "the URL must begin with redis:// or rediss://")
		return ""
	}
	if !given.isSet() {
		given = storeInFile(l, redisBackend, redisTLS)
	}
	d.add(given)
	address := given.text()
	if !given.isSet() {
		address = redisFromParts(l, d)
	}
	password := l.fromVariable("GLEITZEIT_REDIS_PASSWORD")
	parsed, err := url.Parse(address)
	if !password.isSet() || err != nil { // Opening the store reports an invalid URL.
		return address
	}
	if _, has := parsed.User.Password(); has {
		return address
	}
	d.add(password)
	parsed.User = url.UserPassword(parsed.User.Username(), password.text())
	return parsed.String()
}

// redisFromParts makes the URL from the keys of an earlier version.
func redisFromParts(l *loader, d *decision) string {
	host, port, database := "127.0.0.1", "6379", "0"
	for _, part := range []struct {
		name string
		of   *string
	}{{"persistence.redis.host", &host}, {"persistence.redis.port", &port}, {"persistence.redis.db", &database}} {
		if given := l.fromFile(part.name); given.text() != "" {
			d.add(given)
			*part.of = given.text()
		}
	}
	return redisBackend + "://" + net.JoinHostPort(host, port) + "/" + database
}

// shownURL is a URL without its password. Of an invalid one, nothing after the scheme is shown.
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
