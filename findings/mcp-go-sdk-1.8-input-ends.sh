#!/bin/sh
# github.com/modelcontextprotocol/go-sdk v1.8.0: a server over standard input that is given three valid messages (initialize,
# the notification initialized, tools/list) in one piece, and whose input then ends, often ends without having answered
# requests that it has read: Run returns nil, and the process exits with 0. With the input kept open for a second, both
# requests are answered. A shell pipeline (printf … | server) therefore sees no answer, or a part of them.
#
# Needs Go, and the network for the module. Exits with 1 where the behavior has changed.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export GOFLAGS=-mod=mod GOWORK=off GOTOOLCHAIN=auto CGO_ENABLED=0

cat > go.mod <<'MOD'
module example.com/server

go 1.26

require github.com/modelcontextprotocol/go-sdk v1.8.0
MOD
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

type nothing struct{}

func main() {
	server := mcp.NewServer(&mcp.Implementation{Name: "server", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "wave"}, func(context.Context, *mcp.CallToolRequest, nothing) (*mcp.CallToolResult, nothing, error) {
		return nil, nothing{}, nil
	})
	if err := server.Run(context.Background(), &mcp.StdioTransport{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
GO
go mod tidy > tidy.txt 2>&1 || { cat tidy.txt; exit 1; }
go build -o server .

messages() {
	printf '%s\n' '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}' \
		'{"jsonrpc":"2.0","method":"notifications/initialized"}' '{"jsonrpc":"2.0","id":2,"method":"tools/list"}'
}

open=$( (messages; sleep 1) | ./server | grep -c '"result"' || true)
lost=0
for _ in 1 2 3 4 5 6 7 8 9 10; do
	answers=$(messages | ./server | grep -c '"result"' || true)
	test "$answers" -eq 2 || lost=$((lost + 1))
done
echo "go-sdk $(go list -m -f '{{.Version}}' github.com/modelcontextprotocol/go-sdk): with the input open $open of 2 requests are answered; with the input at its end, $lost of 10 processes left some unanswered"
test "$open" -eq 2 || { echo "changed: the requests are not answered with the input open"; exit 1; }
test "$lost" -gt 0 || { echo "changed: all requests are answered when the input ends"; exit 1; }
