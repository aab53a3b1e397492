package engine

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/home"
)

// Info has the address of the engine of a home, current or last.
type Info struct {
	Address       string    `json:"address"` // host:port of the Temporal frontend.
	PID           int       `json:"pid"`
	ServerVersion string    `json:"server_version"`
	StartedAt     time.Time `json:"started_at"`
}

// ReadInfo reads what the holder of the home's engine wrote last. The error is that of the file.
func ReadInfo(h *home.Home) (Info, error) {
	data, err := os.ReadFile(h.EngineAddress())
	if err != nil {
		return Info{}, err
	}
	var info Info
	return info, json.Unmarshal(data, &info)
}

func writeInfo(h *home.Home, info Info) error {
	data, err := json.MarshalIndent(info, "", "  ")
	if err != nil {
		return err
	}
	return home.WriteAtomic(h.EngineAddress(), append(data, '\n'))
}

// dialer reads the address at every dial, so that clients survive a take-over.
func dialer(h *home.Home) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, _ string) (net.Conn, error) {
		info, err := ReadInfo(h)
		if err != nil {
			return nil, err
		}
		var plain net.Dialer
		return plain.DialContext(ctx, "tcp", info.Address)
	}
}
