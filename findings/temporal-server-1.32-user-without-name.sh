#!/bin/sh
# go.temporal.io/server v1.32.1 as a library, built without cgo: where the user of the process is only a number (a container that runs with
# an id which its /etc/passwd does not have) and USER is not set, NewServer fails, although it configures neither traces nor metrics. It
# describes its process for OpenTelemetry all the same, whose detector of the owner returns "user: Current requires cgo or $USER set in
# environment"; a guess is that a description which nobody asks for is left out. With any USER, it is created.
#
# Needs Go, bubblewrap, and the network for the modules; compiles for some minutes. Exits with 1 where the behavior has changed.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export GOFLAGS='-mod=mod -trimpath' GOWORK=off GOTOOLCHAIN=auto CGO_ENABLED=0

cat > go.mod <<'MOD'
module example.com/nameless

go 1.26

require go.temporal.io/server v1.32.1
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"
	"strings"

	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/membership/static"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/temporal"
)

func main() {
	store := &config.SQL{PluginName: sqliteplugin.PluginName, DatabaseName: "nameless", ConnectAttributes: map[string]string{"mode": "memory", "cache": "shared"}}
	services, hosts := map[string]config.Service{}, map[primitives.ServiceName]static.Hosts{}
	for i, name := range []primitives.ServiceName{primitives.FrontendService, primitives.HistoryService, primitives.MatchingService, primitives.WorkerService} {
		services[string(name)] = config.Service{RPC: config.RPC{GRPCPort: 27233 + i, BindOnIP: "127.0.0.1"}}
		hosts[name] = static.SingleLocalHost(fmt.Sprintf("127.0.0.1:%d", 27233+i))
	}
	_, err := temporal.NewServer(
		temporal.WithConfig(&config.Config{
			Services:     services,
			PublicClient: config.PublicClient{HostPort: "127.0.0.1:27233"},
			Persistence: config.Persistence{
				DefaultStore: "s", VisibilityStore: "s", NumHistoryShards: 1, DataStores: map[string]config.DataStore{"s": {SQL: store}},
			},
			ClusterMetadata: &cluster.Config{
				FailoverVersionIncrement: 10, MasterClusterName: "active", CurrentClusterName: "active",
				ClusterInformation: map[string]cluster.ClusterInformation{"active": {Enabled: true, InitialFailoverVersion: 1, RPCAddress: "127.0.0.1:27233"}},
			},
			DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		}),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(hosts),
		temporal.WithDynamicConfigClient(dynamicconfig.StaticClient{}),
		temporal.WithLogger(log.NewNoopLogger()),
	)
	if err == nil {
		fmt.Println("created")
		return
	}
	text := err.Error()
	fmt.Println("failed: " + text[strings.LastIndex(text, "error detecting resource"):])
}
GO
go mod tidy > tidy.txt 2>&1 || { cat tidy.txt; exit 1; }
go build -o nameless .
nameless() {
	bwrap --bind / / --dev /dev --proc /proc --tmpfs /etc --clearenv --setenv HOME "$folder" "$@" ./nameless
}
{
	echo "no name: $(nameless | tr '\n' ' ')"
	echo "USER is 12345: $(nameless --setenv USER 12345 | tr '\n' ' ')"
} > seen.txt
cat seen.txt
grep -q '^no name: failed: error detecting resource: user: Current requires cgo or \$USER set in environment' seen.txt
grep -q '^USER is 12345: created' seen.txt
