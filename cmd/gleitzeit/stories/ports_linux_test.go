package stories_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// TestPortsAreClosedToOthers finds every port that the processes of a server listen on, and tries on each to start a
// workflow and to read what came out of one, as somebody who has neither the key pair nor the token.
func TestPortsAreClosedToOthers(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	s := u.serveUI()
	run := u.tea()
	addresses := listening(t, s.Command.Process.Pid)
	for _, own := range []string{s.engine, strings.TrimPrefix(s.base, "http://")} {
		if !slices.Contains(addresses, own) {
			t.Fatalf("%s is not among the addresses found: %v", own, addresses)
		}
	}
	if len(addresses) < 5 {
		t.Errorf("only %v were found, want the four of the engine and the UI's", addresses)
	}
	t.Logf("the server listens on %v", addresses)

	// The controls: with key and token the same requests work.
	if err := intrudeByGRPC(s.engine, credentials.NewTLS(u.mutualTLS()), "control-grpc", run); err != nil || !u.started(s, "control-grpc") {
		t.Fatalf("with the key pair the engine refuses too: %v", err)
	}
	holder := browserOf(t, s)
	if err := intrudeByHTTP(holder, s.base, "", "control-http", run, nil); err != nil || !u.started(s, "control-http") {
		t.Fatalf("with the token the UI refuses too: %v", err)
	}

	n := 0
	for _, address := range addresses {
		host, _, err := net.SplitHostPort(address)
		must(t, err)
		if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
			t.Errorf("the server listens on %s, which is not loopback", address)
		}
		try := func(how string, intrude func(id string) error) {
			n++
			id := fmt.Sprintf("intruder-%d", n)
			if err := intrude(id); err == nil {
				t.Errorf("%s answers %s", address, how)
			}
			if u.started(s, id) {
				t.Errorf("%s starts a workflow for somebody %s", address, how)
			}
		}
		for how, with := range map[string]credentials.TransportCredentials{
			"in plain gRPC":                             insecure.NewCredentials(),
			"with TLS and no certificate":               credentials.NewTLS(&tls.Config{InsecureSkipVerify: true}),
			"with TLS and a certificate of its own":     credentials.NewTLS(&tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{foreignPair(t)}}),
			"with TLS and our certificate, but no key":  credentials.NewTLS(&tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{u.stolenCertificate()}}),
			"with TLS 1.2, no certificate and our name": credentials.NewTLS(&tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, ServerName: "engine.gleitzeit"}),
		} {
			try(how, func(id string) error { return intrudeByGRPC(address, with, id, run) })
		}
		base := "http://" + address
		for how, attempt := range map[string]struct {
			client *http.Client
			host   string
			header map[string]string
		}{
			"in HTTP without the token":                {client: stranger(t)},
			"in HTTP with a token that is wrong":       {client: stranger(t), header: map[string]string{"Authorization": "Bearer " + strings.Repeat("A", 43)}},
			"in HTTP with a cookie that is wrong":      {client: stranger(t), header: map[string]string{"Cookie": "gleitzeit_ui_" + base[strings.LastIndex(base, ":")+1:] + "=" + s.token}},
			"as the cookie's holder on another host":   {client: holder, host: "evil.example"},
			"as the cookie's holder on a host rebound": {client: holder, host: "evil.example" + address[strings.LastIndex(address, ":"):]},
			"as the cookie's holder on another page":   {client: holder, header: map[string]string{"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}},
			"as the cookie's holder on another port":   {client: holder, header: map[string]string{"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"}},
			"as the cookie's holder on no page":        {client: holder, header: map[string]string{"Origin": "null"}},
		} {
			try(how, func(id string) error {
				return intrudeByHTTP(attempt.client, base, attempt.host, id, run, attempt.header)
			})
		}
	}
}

// listening returns the addresses that a process and its children listen on.
func listening(t testing.TB, pid int) []string {
	t.Helper()
	const listens = "0A"
	var addresses []string
	for _, pid := range descendants(t, pid) {
		folder := fmt.Sprintf("/proc/%d", pid)
		own := sockets(t, folder)
		for _, table := range []string{"tcp", "tcp6"} {
			data, err := os.ReadFile(folder + "/net/" + table)
			if errors.Is(err, os.ErrNotExist) {
				continue // No IPv6 here.
			}
			must(t, err)
			for _, line := range strings.Split(string(data), "\n") {
				fields := strings.Fields(line)
				if len(fields) > 9 && fields[3] == listens && own[fields[9]] {
					addresses = append(addresses, decodeAddress(t, fields[1]))
				}
			}
		}
	}
	slices.Sort(addresses)
	return slices.Compact(addresses)
}

func descendants(t testing.TB, pid int) []int {
	t.Helper()
	all := []int{pid}
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	must(t, err)
	for _, list := range lists {
		children, err := os.ReadFile(list)
		if err != nil {
			continue // The thread has ended.
		}
		for _, child := range strings.Fields(string(children)) {
			number, err := strconv.Atoi(child)
			must(t, err)
			all = append(all, descendants(t, number)...)
		}
	}
	return all
}

// sockets are the inodes of the sockets that a process has open.
func sockets(t testing.TB, folder string) map[string]bool {
	t.Helper()
	open := map[string]bool{}
	files, err := filepath.Glob(folder + "/fd/*")
	must(t, err)
	for _, file := range files {
		if link, err := os.Readlink(file); err == nil && strings.HasPrefix(link, "socket:[") {
			open[strings.Trim(strings.TrimPrefix(link, "socket:"), "[]")] = true
		}
	}
	return open
}

// decodeAddress reads an address as the kernel prints it: each four bytes reversed, in hex.
func decodeAddress(t testing.TB, text string) string {
	t.Helper()
	host, port, _ := strings.Cut(text, ":")
	number, err := strconv.ParseUint(port, 16, 16)
	must(t, err)
	ip := make(net.IP, len(host)/2)
	for i := range ip {
		at := i/4*4 + 3 - i%4
		part, err := strconv.ParseUint(host[2*i:2*i+2], 16, 8)
		must(t, err)
		ip[at] = byte(part)
	}
	return net.JoinHostPort(ip.String(), strconv.FormatUint(number, 10))
}
