#!/bin/sh
# go.yaml.in/yaml/v4 v4.0.0 and gopkg.in/yaml.v3 v3.0.1: U+0085, U+2028 and U+2029 end a line, as in YAML 1.1. In YAML 1.2 (5.4) they
# are ordinary characters, as in JSON's strings and in text that is pasted from word processors. A block scalar with U+2028 in a line is
# a syntax error, since what follows it counts as a line that is not indented; "a<U+0085>b" in quotes becomes "a b", while U+2028 and
# U+2029 in quotes stay.
#
# Needs Go, and the network for the modules. Exits with 1 where the behavior has changed.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export GOFLAGS=-mod=mod GOWORK=off GOTOOLCHAIN=auto CGO_ENABLED=0

cat > go.mod <<'MOD'
module example.com/lines

go 1.26

require (
	go.yaml.in/yaml/v4 v4.0.0
	gopkg.in/yaml.v3 v3.0.1
)
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"

	yaml4 "go.yaml.in/yaml/v4"
	yaml3 "gopkg.in/yaml.v3"
)

func main() {
	for name, read := range map[string]func([]byte, any) error{"v3": yaml3.Unmarshal, "v4": func(data []byte, into any) error { return yaml4.Unmarshal(data, into) }} {
		for _, text := range []string{"k: \"a\u2028b\"\n", "{\"k\": \"a\u2029b\"}\n", "k: \"a\u0085b\"\n", "k: |\n  a\u2028b\n"} {
			var got map[string]string
			err := read([]byte(text), &got)
			fmt.Printf("%s %q: %q failed=%v\n", name, text, got["k"], err != nil)
		}
	}
}
GO
go mod tidy > tidy.txt 2>&1 || { cat tidy.txt; exit 1; }
go run . | sort > seen.txt
cat seen.txt
test "$(grep -c 'failed=true' seen.txt)" -eq 2 && test "$(grep -c '^v[34] "k: |' seen.txt)" -eq 2 && grep '^v[34] "k: |' seen.txt | grep -q 'failed=true' ||
	{ echo "changed: a block scalar with U+2028 is read"; exit 1; }
test "$(grep -c '"a b" failed=false' seen.txt)" -eq 2 || { echo "changed: U+0085 in quotes stays"; exit 1; }
