package gate

import (
	"context"
	"net"
	"strconv"
)

// Listen listens on a port of loopback (0 is any). If the port is in use, it calls taken and listens on another one.
func Listen(ctx context.Context, wanted int, taken func(address string)) (net.Listener, error) {
	var plain net.ListenConfig
	listener, err := plain.Listen(ctx, "tcp", at(wanted))
	if err == nil || wanted == 0 {
		return listener, err
	}
	listener, err = plain.Listen(ctx, "tcp", at(0))
	if err == nil {
		taken(listener.Addr().String())
	}
	return listener, err
}

func at(port int) string { return net.JoinHostPort(Loopback, strconv.Itoa(port)) }
