package redis

import (
	"crypto/tls"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

const (
	plainScheme   = "redis"
	tlsScheme     = "rediss"
	defaultPort   = "6379"
	addressFormat = "redis://[user:password@]host[:port][/database]"
)

// parse parses a store's URL. The address is the part of it that messages may show.
func parse(text string) (options *redis.Options, address string, err error) {
	// The error of url.Parse quotes the text, and takes a password that is not escaped for a port.
	parsed, err := url.Parse(text)
	if err != nil || parsed.Hostname() == "" || parsed.Opaque != "" {
		return nil, "", malformed("invalid URL of the Redis server")
	}
	if parsed.RawQuery != "" || parsed.Fragment != "" {
		return nil, "", malformed("the URL of the Redis server has a part after \"?\" or \"#\", which is not supported")
	}
	database := 0
	if path := strings.Trim(parsed.Path, "/"); path != "" {
		if database, err = strconv.Atoi(path); err != nil || database < 0 {
			return nil, "", malformed("the database of the Redis server must be a number, not %q", path)
		}
	}
	port := parsed.Port()
	if port == "" {
		port = defaultPort
	}
	options = &redis.Options{Addr: net.JoinHostPort(parsed.Hostname(), port), DB: database}
	options.Username = parsed.User.Username()
	options.Password, _ = parsed.User.Password()
	if parsed.Scheme == tlsScheme {
		options.TLSConfig = &tls.Config{ServerName: parsed.Hostname(), MinVersion: tls.VersionTLS12}
	}
	return options, parsed.Scheme + "://" + options.Addr + "/" + strconv.Itoa(database), nil
}

func malformed(format string, args ...any) error {
	return protocol.Errorf(protocol.ConfigurationError, format, args...).
		WithHint("write %s, with characters such as / @ : # ? %% in the password as %%2F %%40 %%3A %%23 %%3F %%25", addressFormat)
}
