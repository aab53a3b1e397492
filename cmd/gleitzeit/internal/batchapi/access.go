package batchapi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/gate"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Access is where the API listens, and who may use it, beside whoever has the token of the home.
type Access struct {
	Address string // An IP address; empty is loopback.
	Port    int    // 0 is any.
	Cert    string // The file of the certificate; empty: there is no TLS.
	Key     string // The file of its key.
	Tokens  []gate.Token
}

// minToken is the minimum length of the token of a user: shorter ones can be guessed.
const minToken = 16

// check returns why the API is not to be served: everybody in the network would read what is sent, or could use the models.
func (a *Access) check() error {
	var missing []string
	if a.isElsewhere() && a.Cert == "" {
		missing = append(missing, "server.batch_api_tls")
	}
	if a.isElsewhere() && len(a.Tokens) == 0 {
		missing = append(missing, "server.batch_api_tokens")
	}
	if len(missing) > 0 {
		return protocol.Errorf(protocol.InvalidParams, "cannot serve the Batch API on %s: no %s in the settings", a.Address, strings.Join(missing, " and no ")).
			WithHint("other machines can reach this address: set cert and key of server.batch_api_tls, and a token for each user in server.batch_api_tokens, or remove server.batch_api_address")
	}
	var wrong []string
	holders := map[string]string{}
	for _, token := range a.Tokens {
		if len(token.Secret) < minToken {
			wrong = append(wrong, fmt.Sprintf("that of %s has fewer than %d characters", token.Holder, minToken))
		}
		if other, twice := holders[token.Secret]; twice {
			wrong = append(wrong, fmt.Sprintf("that of %s is that of %s", token.Holder, other))
		}
		holders[token.Secret] = token.Holder
	}
	if len(wrong) > 0 {
		return protocol.Errorf(protocol.InvalidParams, "invalid tokens in server.batch_api_tokens: %s", strings.Join(wrong, ", and ")).
			WithHint("`openssl rand -hex 32` makes a token")
	}
	return nil
}

// isElsewhere reports whether other machines can reach the address.
func (a *Access) isElsewhere() bool {
	address, err := netip.ParseAddr(a.Address)
	return a.Address != "" && (err != nil || !address.IsLoopback())
}

// listen listens, and returns the hosts that requests may be for, and the base URL.
func (a *Access) listen(ctx context.Context, tell func(text string)) (listener net.Listener, hosts gate.Hosts, url string, err error) {
	var certificate tls.Certificate
	if a.Cert != "" {
		if certificate, err = tls.LoadX509KeyPair(a.Cert, a.Key); err != nil {
			return nil, nil, "", failed("cannot read the certificate in %q and its key in %q: %v", a.Cert, a.Key, err)
		}
	}
	if a.Address == "" || a.Address == gate.Loopback {
		listener, err = gate.Listen(ctx, a.Port, func(address string) {
			tell("the port of the Batch API is in use; using " + address)
		})
	} else { // Clients elsewhere know the port: no other one is used.
		listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(a.Address, strconv.Itoa(a.Port)))
	}
	if err != nil {
		return nil, nil, "", failed("cannot listen on %s: %v", a.shown(), err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if a.Cert == "" {
		return listener, gate.HostsOf(port), "http://" + listener.Addr().String(), nil
	}
	if hosts = gate.HostsOfCertificate(port, certificate.Leaf); len(hosts) == 0 {
		return nil, nil, "", errors.Join(failed("the certificate in %q is for no name and no address", a.Cert), listener.Close())
	}
	url = hosts[0]
	if strings.HasPrefix(url, "*") { // It is for many names, none of which is known here.
		url = listener.Addr().String()
	}
	return tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}), hosts, "https://" + url, nil
}

func (a *Access) shown() string {
	if a.Address == "" {
		return gate.Loopback
	}
	return a.Address
}
