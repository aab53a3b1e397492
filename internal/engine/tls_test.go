package engine

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/gleitzeit/gleitzeit/internal/require"
)

func TestNoAnswerWithoutTheKey(t *testing.T) {
	before := listening(t)
	h := testHome(t)
	e := join(t, h)
	own, err := loadIdentity(h)
	must(t, err)
	certificate, key, err := newPair()
	must(t, err)
	foreign, err := tls.X509KeyPair(certificate, key)
	must(t, err)

	addresses := slices.DeleteFunc(listening(t), func(address string) bool { return slices.Contains(before, address) })
	if len(addresses) < 4 {
		t.Fatalf("this process listens on %v, want the four services at least", addresses)
	}
	info, err := e.Info()
	must(t, err)
	if err := askWith(info.Address, credentials.NewTLS(own.client())); err != nil {
		t.Fatalf("with the key the engine gives no answer either: %v", err)
	}
	for _, address := range addresses {
		if host, _, err := net.SplitHostPort(address); err != nil || host != "127.0.0.1" {
			t.Errorf("it listens on %s, which is not loopback", address)
		}
		for _, attempt := range []struct {
			name string
			with credentials.TransportCredentials
		}{
			{"without a certificate", credentials.NewTLS(&tls.Config{InsecureSkipVerify: true})},
			{"with another certificate", credentials.NewTLS(&tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{foreign}})},
			{"with the certificate but another key", credentials.NewTLS(&tls.Config{InsecureSkipVerify: true,
				Certificates: []tls.Certificate{{Certificate: own.pair.Certificate, PrivateKey: foreign.PrivateKey}}})},
			{"in plain text", insecure.NewCredentials()},
		} {
			if err := askWith(address, attempt.with); err == nil {
				t.Errorf("%s answers %s", address, attempt.name)
			}
		}
		if answer := plainHTTP(t, address); answer != "" {
			t.Errorf("%s answers plain HTTP: %q", address, answer)
		}
	}
}

// An impostor on the engine's port cannot pass for it.
func TestClientsTrustNobodyElse(t *testing.T) {
	e := join(t, testHome(t))
	certificate, _, err := newPair()
	must(t, err)
	info, err := e.Info()
	must(t, err)
	own, err := loadIdentity(e.home)
	must(t, err)
	config := own.client()
	config.RootCAs = x509.NewCertPool()
	config.RootCAs.AppendCertsFromPEM(certificate)
	if err := askWith(info.Address, credentials.NewTLS(config)); err == nil {
		t.Error("a client that trusts another certificate took the engine for its own")
	}
}

func askWith(address string, with credentials.TransportCredentials) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	connection, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(with))
	if err != nil {
		return err
	}
	_, err = grpc_health_v1.NewHealthClient(connection).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	if closing := connection.Close(); err == nil {
		err = closing
	}
	return err
}

// plainHTTP returns what the port says to a browser.
func plainHTTP(t *testing.T, address string) string {
	t.Helper()
	connection, err := net.DialTimeout("tcp", address, 5*time.Second)
	must(t, err)
	defer connection.Close()
	must(t, connection.SetDeadline(time.Now().Add(5*time.Second)))
	_, err = fmt.Fprintf(connection, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", address)
	must(t, err)
	line, err := bufio.NewReader(connection).ReadString('\n')
	if err != nil {
		return "" // A TLS alert, or nothing.
	}
	return line
}

// listening returns the addresses that this process listens on.
func listening(t *testing.T) []string {
	t.Helper()
	own := map[string]bool{}
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		require.Skip(t, "no /proc here: only Linux shows what a process listens on")
	}
	for _, file := range files {
		if link, err := os.Readlink("/proc/self/fd/" + file.Name()); err == nil && strings.HasPrefix(link, "socket:[") {
			own[strings.TrimSuffix(strings.TrimPrefix(link, "socket:["), "]")] = true
		}
	}
	const listens = "0A"
	addresses := []string{}
	for _, table := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		data, err := os.ReadFile(table)
		if err != nil {
			continue // No IPv6 here.
		}
		for _, line := range strings.Split(string(data), "\n") {
			fields := strings.Fields(line)
			if len(fields) > 9 && fields[3] == listens && own[fields[9]] {
				addresses = append(addresses, decode(t, fields[1]))
			}
		}
	}
	return addresses
}

// decode reads an address as the kernel prints it: each four bytes reversed, in hex.
func decode(t *testing.T, text string) string {
	t.Helper()
	host, port, _ := strings.Cut(text, ":")
	var number int
	_, err := fmt.Sscanf(port, "%X", &number)
	must(t, err)
	ip := make(net.IP, len(host)/2)
	for i := range ip {
		at := i/4*4 + 3 - i%4
		_, err := fmt.Sscanf(host[2*i:2*i+2], "%X", &ip[at])
		must(t, err)
	}
	return net.JoinHostPort(ip.String(), fmt.Sprint(number))
}
