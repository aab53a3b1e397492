#!/bin/sh
# modernc.org/sqlite v1.61.1 (SQLite's own code): "PRAGMA auto_vacuum = INCREMENTAL" on a database that already has this mode is a write
# transaction, although it changes nothing: it waits for another writer, and ends with SQLITE_BUSY beside an open one, while the same
# connection reads. "PRAGMA journal_mode = WAL" on a database in WAL mode is no write. A program that sets both at each start, as drivers
# let one do in the name of the database, cannot open its file beside a writer, or on a full disk, only to read it.
#
# Needs Go, and the network for the module. Exits with 1 where the behavior has changed.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export GOFLAGS=-mod=mod GOWORK=off GOTOOLCHAIN=auto CGO_ENABLED=0

cat > go.mod <<'MOD'
module example.com/vacuum

go 1.26

require modernc.org/sqlite v1.61.1
MOD
cat > main.go <<'GO'
package main

import (
	"database/sql"
	"fmt"

	_ "modernc.org/sqlite"
)

func open(options string) *sql.DB {
	db, err := sql.Open("sqlite", "file:x.db?"+options)
	if err != nil {
		panic(err)
	}
	db.SetMaxOpenConns(1)
	return db
}

func main() {
	first := open("_pragma=auto_vacuum(2)&_pragma=journal_mode(WAL)")
	if _, err := first.Exec("CREATE TABLE t (a)"); err != nil {
		panic(err)
	}
	if _, err := first.Exec("BEGIN IMMEDIATE"); err != nil {
		panic(err)
	}
	second := open("_pragma=busy_timeout(100)")
	var mode string
	err := second.QueryRow("SELECT count(*) FROM t").Scan(&mode)
	fmt.Println("read:", mode, err)
	err = second.QueryRow("PRAGMA auto_vacuum").Scan(&mode)
	fmt.Println("auto_vacuum is", mode, err)
	err = second.QueryRow("PRAGMA journal_mode = WAL").Scan(&mode)
	fmt.Println("journal_mode = WAL:", mode, err)
	_, err = second.Exec("PRAGMA auto_vacuum = INCREMENTAL")
	fmt.Println("auto_vacuum = INCREMENTAL:", err)
}
GO
go mod tidy > tidy.txt 2>&1 || { cat tidy.txt; exit 1; }
go run . > seen.txt
cat > expected.txt <<'SEEN'
read: 0 <nil>
auto_vacuum is 2 <nil>
journal_mode = WAL: wal <nil>
auto_vacuum = INCREMENTAL: database is locked (5) (SQLITE_BUSY)
SEEN
cat seen.txt
diff expected.txt seen.txt && echo "modernc.org/sqlite $(go list -m -f '{{.Version}}' modernc.org/sqlite): a mode that is set again is a write"
