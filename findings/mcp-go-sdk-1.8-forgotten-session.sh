#!/bin/sh
# github.com/modelcontextprotocol/go-sdk v1.8.0, client over streamable HTTP: a server that no longer knows a session answers 404, as the
# specification wants. With a text as the body the error of the call is mcp.ErrSessionMissing, by which a program knows that it has to
# initialize again; with a JSON-RPC error in the body (Content-Type application/json), as servers in Python and TypeScript send it,
# it is not: the body is read as the response before the status is.
#
# Needs Go, and the network for the module. Exits with 1 where the behavior has changed.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export GOFLAGS=-mod=mod GOWORK=off GOTOOLCHAIN=auto CGO_ENABLED=0

cat > go.mod <<'MOD'
module example.com/session

go 1.26

require github.com/modelcontextprotocol/go-sdk v1.8.0
MOD
cat > main.go <<'GO'
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// answers initializes sessions, and knows none when it is asked for tools.
func answers(kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var message struct {
			ID     json.RawMessage
			Method string
		}
		_ = json.NewDecoder(r.Body).Decode(&message)
		switch {
		case r.Method != http.MethodPost:
			w.WriteHeader(http.StatusMethodNotAllowed)
		case message.Method == "initialize":
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Mcp-Session-Id", "1")
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"}}}`, message.ID)
		case message.Method == "tools/list":
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, body)
		case message.ID == nil:
			w.WriteHeader(http.StatusAccepted)
		default: // server/discover
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"Method not found"}}`, message.ID)
		}
	}
}

func main() {
	for _, c := range []struct{ kind, body string }{
		{"text/plain", "Session not found"},
		{"application/json", `{"jsonrpc":"2.0","id":"server-error","error":{"code":-32600,"message":"Session not found"}}`},
	} {
		server := httptest.NewServer(answers(c.kind, c.body))
		ctx := context.Background()
		session, err := mcp.NewClient(&mcp.Implementation{Name: "c", Version: "1"}, nil).Connect(ctx, &mcp.StreamableClientTransport{Endpoint: server.URL}, nil)
		if err != nil {
			fmt.Println("cannot connect:", err)
			return
		}
		_, err = session.ListTools(ctx, nil)
		fmt.Printf("404 with %s: missing=%v (%v)\n", c.kind, errors.Is(err, mcp.ErrSessionMissing), err)
		_ = session.Close()
		server.Close()
	}
}
GO
go mod tidy > tidy.txt 2>&1 || { cat tidy.txt; exit 1; }
go run . | tee seen.txt
grep -q '^404 with text/plain: missing=true' seen.txt || { echo "changed: a text"; exit 1; }
grep -q '^404 with application/json: missing=false' seen.txt || { echo "changed: a JSON-RPC error"; exit 1; }
