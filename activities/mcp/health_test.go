package mcp_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// TestProbe: each server of the settings is connected to and answers for itself, and those that are not wanted are not started.
func TestProbe(t *testing.T) {
	notes := t.TempDir()
	silent := described(t, "silent", notes, "-silent")
	slow := described(t, "slow", notes, "-silent")
	slow.Timeout = 1
	secret := described(t, "secret", notes)
	secret.Env = append(secret.Env, protocol.Setting{Name: "TOKEN", Value: "${secrets.NONE}"})
	b := withServer(t, notes, described(t, "good", notes), described(t, "broken", notes, "-broken"),
		protocol.ToolServer{Name: "missing", Command: "/nonexistent/prog"}, protocol.ToolServer{Name: "dead", URL: "http://127.0.0.1:9/mcp"}, secret, slow, silent)
	ctx, done := context.WithTimeout(t.Context(), 5*time.Second)
	defer done()
	states := b.handler.Probe(ctx, func(s protocol.Server) bool { return s.Name != "silent" })
	want := []struct {
		name  string
		code  protocol.Code
		says  string
		limit int
	}{
		{"", 0, "", 0}, {"good", 0, "", 16},
		{"broken", protocol.ProviderNotAvailable, `the MCP server "broken" did not start: its program exited (exit status 3)`, 16},
		{"missing", protocol.ConfigurationError, `"/nonexistent/prog"`, 16},
		{"dead", protocol.ProviderNotAvailable, `the MCP server "dead" at http://127.0.0.1:9/mcp cannot be reached`, 16},
		{"secret", protocol.ConfigurationError, "${secrets.NONE} is not set", 16},
		{"slow", protocol.ProviderTimeout, "did not answer at its start within 1s", 16},
	}
	if len(states) != len(want) {
		t.Fatalf("got %d states: %+v", len(states), states)
	}
	for i, w := range want {
		got := states[i]
		if got.Provider != "mcp" || got.Name != w.name || got.MaxConcurrent != w.limit || (got.Error == nil) != (w.code == 0) || (got.Version == "") == (w.name == "good") {
			t.Errorf("got %+v, %v, want %+v", got, got.Error, w)
		}
		if got.Error != nil && (got.Error.Code != w.code || !strings.Contains(got.Error.Message, w.says)) {
			t.Errorf("%s: %v", w.name, got.Error)
		}
	}
	soon, done := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer done()
	states = b.handler.Probe(soon, func(s protocol.Server) bool { return s.Name == "silent" })
	if len(states) != 1 || states[0].Error == nil || states[0].Error.Code != protocol.ProviderTimeout || !strings.Contains(states[0].Error.Message, "did not answer within 100ms") {
		t.Errorf("the silent server is %+v, %v", states[0], states[0].Error)
	}
	if got := strings.Join(b.handler.Unchecked(), " "); got != "good broken missing dead secret slow silent" {
		t.Errorf("unchecked are %s", got)
	}
}
