#!/bin/sh
# go.temporal.io/sdk v1.51.0 and go.temporal.io/server v1.32.1, each the newest release of its module when this was seen, do not
# compile together: the SDK requires go.temporal.io/api v1.64.3, whose OperatorServiceClient has a method
# (DescribeNamespaceRestore) that the server's client package does not implement. Minimal version selection takes the newer
# api for both, so a program that embeds the server has to stay with SDK v1.50.0 (api v1.63.5), with which the same
# program compiles.
#
# Needs Go, and the network for the modules. Exits with 1 where the behavior has changed.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export GOFLAGS=-mod=mod GOWORK=off GOTOOLCHAIN=auto CGO_ENABLED=0

cat > go.mod <<'MOD'
module example.com/embedded

go 1.26
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"

	"go.temporal.io/sdk/client"
	servers "go.temporal.io/server/client"
)

func main() {
	_, err := client.NewLazyClient(client.Options{})
	fmt.Println(err, servers.NewFactoryProvider() != nil)
}
GO

# try SDK: compiles the program with a version of the SDK, and prints what the compiler says.
try() {
	go get "go.temporal.io/sdk@$1" go.temporal.io/server@v1.32.1 > get.txt 2>&1 || { cat get.txt; exit 1; }
	go mod tidy > tidy.txt 2>&1 || { cat tidy.txt; exit 1; }
	echo "sdk $1, server v1.32.1, api $(go list -m -f '{{.Version}}' go.temporal.io/api):"
	go build -o /dev/null . > build.txt 2>&1 && echo "compiles" > build.txt || true
	cat build.txt
}

try v1.50.0
grep -qx compiles build.txt || { echo "changed: SDK v1.50.0 no longer compiles with the server"; exit 1; }
try v1.51.0
grep -q DescribeNamespaceRestore build.txt || { echo "changed: SDK v1.51.0 compiles with the server, or fails otherwise"; exit 1; }
