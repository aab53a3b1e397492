#!/bin/sh
# github.com/expr-lang/expr v1.17.8: the expression language counts the characters of a text (len("äb") is 2), but takes its parts
# by bytes. So s[0:len(s)] is not s, s[0:1] of "äb" is half a character, and s[0] is a number of 0 to 255 that equals no text: with
# s = "Yes" from the environment as any, s[0] == "Y" is false, without an error, while s[0:1] == "Y" is true.
#
# Needs Go, and the network for the module. Exits with 1 where the behavior has changed.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export GOFLAGS=-mod=mod GOWORK=off GOTOOLCHAIN=auto CGO_ENABLED=0

cat > go.mod <<'MOD'
module example.com/parts

go 1.26

require github.com/expr-lang/expr v1.17.8
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"

	"github.com/expr-lang/expr"
)

func main() {
	for _, text := range []string{"Yes", "äb"} {
		for _, code := range []string{`len(s)`, `s[0:len(s)] == s`, `s[0] == s[0:1]`, `s[0]`} {
			out, err := expr.Eval(code, map[string]any{"s": any(text)})
			fmt.Printf("%s: %s is %v (%T, %v)\n", text, code, out, out, err)
		}
	}
}
GO
go mod tidy > tidy.txt 2>&1 || { cat tidy.txt; exit 1; }
go run . > seen.txt
cat > expected.txt <<'SEEN'
Yes: len(s) is 3 (int, <nil>)
Yes: s[0:len(s)] == s is true (bool, <nil>)
Yes: s[0] == s[0:1] is false (bool, <nil>)
Yes: s[0] is 89 (uint8, <nil>)
äb: len(s) is 2 (int, <nil>)
äb: s[0:len(s)] == s is false (bool, <nil>)
äb: s[0] == s[0:1] is false (bool, <nil>)
äb: s[0] is 195 (uint8, <nil>)
SEEN
cat seen.txt
diff expected.txt seen.txt && echo "expr $(go list -m -f '{{.Version}}' github.com/expr-lang/expr): characters are counted, and bytes are taken"
