package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/server/common/headers"
	"go.temporal.io/server/common/persistence/sql/sqlplugin"
	sqliteschema "go.temporal.io/server/schema/sqlite"
	"golang.org/x/mod/semver"
	"google.golang.org/protobuf/types/known/durationpb"
	_ "modernc.org/sqlite" // The driver "sqlite", which the server uses as well.

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// retention is how long Temporal keeps a closed run. The result store keeps its results.
const retention = 30 * 24 * time.Hour

// prepareDatabase creates the database if there is none, and rejects one that this program cannot use. Only the holder of the
// engine's lock may call it.
func (e *Engine) prepareDatabase(ctx context.Context) error {
	path := e.home.EngineDB()
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		// A kill may leave half of it: only a finished file gets the name.
		if err := e.createDatabase(ctx, path+".new"); err != nil {
			return err
		}
		if err := os.Rename(path+".new", path); err != nil {
			return err
		}
	} else if err != nil {
		return err
	} else if err := e.reuseDatabase(ctx, path); err != nil {
		return err
	}
	return e.createNamespace(path)
}

func (e *Engine) createDatabase(ctx context.Context, path string) error {
	for _, ending := range []string{"", "-wal", "-shm", "-journal"} {
		if err := os.Remove(path + ending); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	// SQLite gives the files beside it the mode of the database.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := writeSchema(ctx, path); err != nil {
		return errors.Join(err, file.Close())
	}
	return errors.Join(file.Sync(), file.Close())
}

// writeSchema writes without a journal: the file that a kill leaves is removed. With incremental vacuum, which can only be
// chosen here, pruning returns space to the disk.
func writeSchema(ctx context.Context, path string) (err error) {
	db, err := sql.Open("sqlite", "file:"+uriPath(path)+"?_pragma=auto_vacuum=incremental&_pragma=journal_mode=off&_pragma=synchronous=off")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	if err := sqliteschema.SetupSchemaOnDB(schemaTarget{ctx: ctx, tx: tx}); err != nil {
		return err
	}
	for _, statement := range []string{
		"CREATE TABLE gleitzeit_engine (server_version TEXT NOT NULL, schema_version TEXT NOT NULL, visibility_version TEXT NOT NULL)",
		fmt.Sprintf("INSERT INTO gleitzeit_engine VALUES ('%s', '%s', '%s')",
			headers.ServerVersion, sqliteschema.Version, sqliteschema.VisibilityVersion),
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	if err := dropUnusedIndexes(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}

// schemaTarget is the part of an AdminDB that setting up the schema needs. The server's own never closes its handle, on a file
// that is about to be renamed.
type schemaTarget struct {
	sqlplugin.AdminDB
	ctx context.Context
	tx  *sql.Tx
}

func (t schemaTarget) Exec(statement string, args ...any) error {
	_, err := t.tx.ExecContext(t.ctx, statement, args...)
	return err
}

// reuseDatabase checks the database that earlier processes left, and sweeps it.
func (e *Engine) reuseDatabase(ctx context.Context, path string) (err error) {
	db, err := openDatabase(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := e.checkDatabase(ctx, db, path); err != nil {
		return err
	}
	return sweep(ctx, db)
}

// openDatabase opens the database beside the server. The last process that closes it also checkpoints and removes the -wal file.
func openDatabase(path string) (*sql.DB, error) {
	return sql.Open("sqlite", "file:"+uriPath(path)+"?mode=rw&_pragma=busy_timeout=10000")
}

// checkDatabase checks that the file is a database of an engine, and its version.
func (e *Engine) checkDatabase(ctx context.Context, db *sql.DB, path string) (err error) {
	var tables int
	const count = "SELECT count(*) FROM sqlite_master WHERE name IN ('gleitzeit_engine', 'namespaces', 'executions')"
	if err := db.QueryRowContext(ctx, count).Scan(&tables); err != nil {
		return err
	}
	if tables != 3 {
		return damaged(e.home, "it is not the database of an engine")
	}
	var server, schema, visibility string
	const versions = "SELECT server_version, schema_version, visibility_version FROM gleitzeit_engine"
	if err := db.QueryRowContext(ctx, versions).Scan(&server, &schema, &visibility); err != nil {
		return err
	}
	if semver.Compare("v"+server, "v"+headers.ServerVersion) > 0 {
		return protocol.Errorf(protocol.EngineUnreachable,
			"the engine's database %q was written by Temporal server %s, and this program has %s", path, server, headers.ServerVersion).
			WithHint("use the newer gleitzeit that wrote it, or set GLEITZEIT_HOME or --home to another folder").WithKind(protocol.Permanent)
	}
	if schema != sqliteschema.Version || visibility != sqliteschema.VisibilityVersion {
		return protocol.Errorf(protocol.EngineUnreachable,
			"the engine's database %q has the schema %s/%s of Temporal server %s, and this program needs %s/%s",
			path, schema, visibility, server, sqliteschema.Version, sqliteschema.VisibilityVersion).
			WithHint("finish the open runs with the gleitzeit that wrote it, then move the file away: stored results are not lost").
			WithKind(protocol.Permanent)
	}
	if server != headers.ServerVersion {
		_, err = db.ExecContext(ctx, "UPDATE gleitzeit_engine SET server_version = ?", headers.ServerVersion)
	}
	return err
}

// createNamespace creates the namespace if it does not exist. It opens the database like the server, which keeps that handle.
func (e *Engine) createNamespace(path string) error {
	namespace, err := sqliteschema.NewNamespaceConfig(clusterName, Namespace, false, map[string]enumspb.IndexedValueType{
		protocol.WorkflowAttribute: enumspb.INDEXED_VALUE_TYPE_KEYWORD,
		protocol.StatusAttribute:   enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	})
	if err != nil {
		return err
	}
	namespace.Detail.Config.Retention = durationpb.New(retention)
	return sqliteschema.CreateNamespaces(database(path), namespace)
}
