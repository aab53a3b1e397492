module github.com/gleitzeit/gleitzeit/benchmarks/pdfreaders

go 1.26.8

replace github.com/gleitzeit/gleitzeit => ../..

require (
	github.com/dslipak/pdf v0.0.2
	github.com/gleitzeit/gleitzeit v0.0.0-00010101000000-000000000000
	github.com/klippa-app/go-pdfium v1.21.4
	github.com/ledongthuc/pdf v0.0.0-20260907135840-6c8c28e0e8a0
	github.com/tetratelabs/wazero v1.12.0
)

require (
	github.com/google/uuid v1.6.0 // indirect
	github.com/jolestar/go-commons-pool/v2 v2.1.2 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)
