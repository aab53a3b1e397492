package gate

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
)

// Serving is an HTTP server that serves until Stop.
type Serving struct {
	server *http.Server
	served chan error
}

// Serve serves the connections of a listener. If it ends before Stop, the log says so; name is what people call the server.
func Serve(server *http.Server, listener net.Listener, name string, log *slog.Logger) *Serving {
	s := &Serving{server: server, served: make(chan error, 1)}
	go func() {
		err := server.Serve(listener)
		if errors.Is(err, http.ErrServerClosed) {
			err = nil
		}
		if err != nil {
			log.Error(name+" has stopped", "error", err)
		}
		s.served <- err
	}()
	return s
}

// Stop waits for requests in flight and frees the port. It may be called once. If ctx ends first, it closes their connections.
func (s *Serving) Stop(ctx context.Context) error {
	err := s.server.Shutdown(ctx)
	if err != nil {
		err = s.server.Close()
	}
	return errors.Join(err, <-s.served)
}
