package engine

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/membership/static"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives"
)

const clusterName = "active"

//go:embed dynamicconfig.yaml
var dynamicConfig []byte

//go:embed homeconfig.yaml
var homeConfig []byte

//go:embed starting.yaml
var startingConfig []byte

//go:embed shortlived.yaml
var shortLivedConfig []byte

// services are in the order of their ports.
var services = [...]primitives.ServiceName{
	primitives.FrontendService, primitives.HistoryService, primitives.MatchingService, primitives.WorkerService,
}

// settings is the server's static configuration: no metrics, no pprof, no HTTP, no archival, no gossip.
func settings(databaseName string, ports []int) *config.Config {
	byService := map[string]config.Service{}
	for i, service := range services {
		byService[string(service)] = config.Service{RPC: config.RPC{GRPCPort: ports[i], BindOnIP: loopback}}
	}
	return &config.Config{
		Services:     byService,
		PublicClient: config.PublicClient{HostPort: at(ports[0])},
		Persistence: config.Persistence{
			DefaultStore:     sqliteplugin.PluginName,
			VisibilityStore:  sqliteplugin.PluginName,
			NumHistoryShards: 1,
			DataStores:       map[string]config.DataStore{sqliteplugin.PluginName: {SQL: database(databaseName)}},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{
				clusterName: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: at(ports[0])},
			},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Archival: config.Archival{
			History:    config.HistoryArchival{State: "disabled"},
			Visibility: config.VisibilityArchival{State: "disabled"},
		},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History:    config.HistoryArchivalNamespaceDefaults{State: "disabled"},
			Visibility: config.VisibilityArchivalNamespaceDefaults{State: "disabled"},
		}},
	}
}

// database returns how the server opens its database: durable, and with readers beside the writer.
func database(path string) *config.SQL {
	return &config.SQL{
		PluginName:   sqliteplugin.PluginName,
		DatabaseName: uriPath(path),
		ConnectAttributes: map[string]string{
			"mode":         "rw", // The file exists: never create an empty one.
			"journal_mode": "wal",
			"synchronous":  "full",
			"busy_timeout": "10000",
		},
	}
}

// uriPath returns a path for a `file:` URI of SQLite.
func uriPath(path string) string {
	return strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
}

func hosts(ports []int) map[primitives.ServiceName]static.Hosts {
	byService := map[primitives.ServiceName]static.Hosts{}
	for i, service := range services {
		byService[service] = static.SingleLocalHost(at(ports[i]))
	}
	return byService
}

// dynamicSettings loads the embedded files and the overrides with the server's own loader, the last of which takes precedence.
// Problems that the server would only warn about (an unknown setting, a value of the wrong type) are errors.
func dynamicSettings(scavengers bool, overrides string) (dynamicconfig.Client, error) {
	loader := dynamicconfig.LoadYamlFile(dynamicConfig)
	loader.LoadFile(homeConfig)
	if !scavengers {
		loader.LoadFile(shortLivedConfig)
	}
	if overrides != "" {
		loader.LoadFile([]byte(overrides))
	}
	starting := dynamicconfig.LoadYamlFile(startingConfig)
	if err := errors.Join(loader.Err(), errors.Join(loader.Warnings...), starting.Err(), errors.Join(starting.Warnings...)); err != nil {
		return nil, fmt.Errorf("dynamic configuration: %w", err)
	}
	return &settingsInTime{staticClient(loader), staticClient(starting), time.Now().Add(startingTime)}, nil
}

func staticClient(loader *dynamicconfig.YamlLoader) dynamicconfig.StaticClient {
	settings := dynamicconfig.StaticClient{}
	for key, values := range loader.Map {
		settings[key] = values
	}
	return settings
}

// startingTime is how long an engine has the settings of starting.yaml.
const startingTime = 3 * time.Second

// settingsInTime are settings of which some differ while the engine starts. The server reads them each time that it uses them.
type settingsInTime struct {
	dynamicconfig.StaticClient
	starting dynamicconfig.StaticClient
	until    time.Time
}

func (s *settingsInTime) GetValue(key dynamicconfig.Key) []dynamicconfig.ConstrainedValue {
	if values := s.starting.GetValue(key); values != nil && time.Now().Before(s.until) {
		return values
	}
	return s.StaticClient.GetValue(key)
}
