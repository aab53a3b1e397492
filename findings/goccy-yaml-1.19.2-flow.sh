#!/bin/sh
# github.com/goccy/go-yaml v1.19.2: a tab within a plain scalar in a flow sequence is dropped, so that [a<TAB>b] is ["ab"] and not
# ["a\tb"] (white space within a plain scalar is part of it, YAML 1.2, 7.3.3); and a colon without a blank after it ends a key in a
# flow mapping, so that {a:b} is {"a": "b"} and not {"a:b": null}. gopkg.in/yaml.v3 reads both as the specification says.
#
# Needs Go, and the network for the modules. Exits with 1 where the behavior has changed.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export GOFLAGS=-mod=mod GOWORK=off GOTOOLCHAIN=auto CGO_ENABLED=0

cat > go.mod <<'MOD'
module example.com/flow

go 1.26

require (
	github.com/goccy/go-yaml v1.19.2
	gopkg.in/yaml.v3 v3.0.1
)
MOD
cat > main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"

	goccy "github.com/goccy/go-yaml"
	yaml3 "gopkg.in/yaml.v3"
)

func main() {
	for _, text := range []string{"[a\tb]", "{a:b}"} {
		for name, read := range map[string]func([]byte, any) error{"goccy": func(data []byte, into any) error { return goccy.Unmarshal(data, into) }, "yaml.v3": yaml3.Unmarshal} {
			var got any
			err := read([]byte(text), &got)
			shown, _ := json.Marshal(got)
			fmt.Printf("%s %q: %s %v\n", name, text, shown, err)
		}
	}
}
GO
go mod tidy > tidy.txt 2>&1 || { cat tidy.txt; exit 1; }
go run . | sort > seen.txt
cat seen.txt
grep -qF 'goccy "[a\tb]": ["ab"]' seen.txt || { echo "changed: the tab stays"; exit 1; }
grep -qF 'goccy "{a:b}": {"a":"b"}' seen.txt || { echo "changed: the colon belongs to the key"; exit 1; }
