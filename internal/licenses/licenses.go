// Package licenses has the licenses of what the program is built from.
package licenses

import _ "embed" // For the text.

// ThirdParty names every module in the program, Go, and what PDFium consists of, each with its license. After a change of the
// dependencies it is written by
//
//	go test ./internal/licenses -update
//
//go:embed third_party.txt
var ThirdParty string
