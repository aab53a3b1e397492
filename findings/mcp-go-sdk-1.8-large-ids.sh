#!/bin/sh
# github.com/modelcontextprotocol/go-sdk v1.8.0: ids of requests are read as float64 and kept as int64. A server that is asked with the id
# 9007199254740993 (2^53+1) answers 9007199254740992, and with an id beyond 2^63, which JSON-RPC and MCP allow as they set no limit
# for integers, answers another number. Whoever sent the request finds no answer with its id.
#
# Needs Go, and the network for the module. Exits with 1 where the behavior has changed.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export GOFLAGS=-mod=mod GOWORK=off GOTOOLCHAIN=auto CGO_ENABLED=0

cat > go.mod <<'MOD'
module example.com/ids

go 1.26

require github.com/modelcontextprotocol/go-sdk v1.8.0
MOD
cat > main.go <<'GO'
package main

import (
	"context"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

func main() {
	server := mcp.NewServer(&mcp.Implementation{Name: "server", Version: "1"}, nil)
	_ = server.Run(context.Background(), &mcp.StdioTransport{})
}
GO
go mod tidy > tidy.txt 2>&1 || { cat tidy.txt; exit 1; }
go build -o server .

ask() {
	(printf '%s\n' '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}' \
		'{"jsonrpc":"2.0","method":"notifications/initialized"}'; sleep 0.5; printf '{"jsonrpc":"2.0","id":%s,"method":"ping"}\n' "$1"; sleep 1) |
		./server | sed -n 's/.*"id":\([^,}]*\),"result":{}.*/\1/p'
}

for id in 4503599627370497 9007199254740993 9223372036854775808; do
	echo "id $id: answered with $(ask $id)"
done | tee seen.txt
grep -q '^id 9007199254740993: answered with 9007199254740992$' seen.txt || { echo "changed: 2^53+1"; exit 1; }
grep -q '^id 9223372036854775808: answered with 9223372036854775808$' seen.txt && { echo "changed: 2^63"; exit 1; }
exit 0
