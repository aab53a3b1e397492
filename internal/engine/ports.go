package engine

import (
	"errors"
	"net"
	"strconv"
)

const loopback = "127.0.0.1"

// freePorts returns different free ports on loopback; the first is the wanted one (0 is any) if that is free. Another program
// may take one before the server does: then the server does not start, and other ports must be tried.
func freePorts(count, wanted int) ([]int, error) {
	ports := make([]int, 0, count)
	listeners := make([]net.Listener, 0, count)
	var failed error
	for len(ports) < count && failed == nil {
		listener, err := net.Listen("tcp", at(wanted)) //nolint:noctx // Listening on loopback does not block.
		if err != nil && wanted != 0 {
			listener, err = net.Listen("tcp", at(0)) //nolint:noctx // As above.
		}
		wanted = 0
		if err != nil {
			failed = err
			continue
		}
		listeners = append(listeners, listener)
		ports = append(ports, portOf(listener.Addr().String()))
	}
	for _, listener := range listeners {
		failed = errors.Join(failed, listener.Close())
	}
	return ports, failed
}

func at(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }

// portOf returns the port of an address; 0 if it has none.
func portOf(address string) int {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return 0
	}
	return number
}
