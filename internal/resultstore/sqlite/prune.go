package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/sqlitefile"
)

const (
	pruneRows  = 500                   // Rows that one transaction of Prune removes at most.
	pruneTime  = 50 * time.Millisecond // After that it commits, so that writers wait no longer.
	scannedRow = 2000                  // Rows that one query of Prune reads: a long one would keep the log from being reused.
)

// pruning is one Prune.
type pruning struct {
	*Store
	resultstore.PruneRequest
	pruned resultstore.Pruned
	used   resultstore.Hashes // Hashes in the records that remain.
}

// Prune implements resultstore.Store. The order makes it safe while others put: a value is removed only in a transaction that
// still finds it put before Unused, and every record that refers to it was there before, and was read, or came with another
// put of the value.
func (s *Store) Prune(ctx context.Context, request resultstore.PruneRequest) (resultstore.Pruned, error) {
	p := &pruning{Store: s, PruneRequest: request, used: resultstore.Hashes{}}
	err := p.run(ctx)
	if err != nil {
		err = s.translate(ctx, err)
	}
	return p.pruned, err
}

func (p *pruning) run(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	doomed, err := p.doomed(ctx)
	if err != nil {
		return err
	}
	if err := p.removeRecords(ctx, doomed); err != nil {
		return err
	}
	if p.Unused.IsZero() {
		return p.shrink(ctx)
	}
	if err := p.scanRecords(ctx, doomed); err != nil {
		return err
	}
	if err := p.addTimes(ctx); err != nil {
		return err
	}
	if err := p.removeValues(ctx); err != nil {
		return err
	}
	return p.shrink(ctx)
}

func (p *pruning) shrink(ctx context.Context) (err error) {
	if p.DryRun {
		return nil
	}
	file, err := sqlitefile.Open(p.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return file.Shrink(ctx)
}

// doomedRecord is a record that goes.
type doomedRecord struct {
	rowid, size, started int64
	kind                 resultstore.Kind
}

// doomed lists the records that go, those of runs last: after a kill in between the run is still listed, and pruned again.
func (p *pruning) doomed(ctx context.Context) ([]doomedRecord, error) {
	var all []doomedRecord
	const columns = "SELECT rowid, length(body), started_at, kind FROM records WHERE "
	add := func(where string, args ...any) error {
		found, err := collect(ctx, p.readers, columns+where, args, func(rows *sql.Rows) (r doomedRecord, err error) {
			err = rows.Scan(&r.rowid, &r.size, &r.started, &r.kind)
			return r, err
		})
		all = append(all, found...)
		return err
	}
	for _, execution := range p.Executions {
		if err := add("run = ? AND execution = ? ORDER BY kind = 'run'", execution.Run, execution.Execution); err != nil {
			return nil, err
		}
	}
	if !p.Before.IsZero() {
		calls := resultstore.CallKey("").Of()
		if err := add("run = ? AND execution = ? AND kind = 'cached' AND started_at < ?", calls.Run, calls.Execution, p.Before.UnixNano()); err != nil {
			return nil, err
		}
	}
	if p.Unused.IsZero() {
		return all, nil
	}
	alone, err := p.withoutRun(ctx)
	for _, execution := range alone {
		if err := add("run = ? AND execution = ? AND kind IN ('task', 'chunk', 'round', 'step')", execution.Run, execution.Execution); err != nil {
			return nil, err
		}
	}
	return all, err
}

// withoutRun lists executions without a record of a run that all started before Unused.
func (p *pruning) withoutRun(ctx context.Context) ([]resultstore.Execution, error) {
	// The index of keys has them in this order: no sorting.
	const statement = `SELECT run, execution FROM records GROUP BY run, execution
		HAVING sum(kind NOT IN ('task', 'chunk', 'round', 'step')) = 0 AND max(started_at) < ?`
	return collect(ctx, p.readers, statement, []any{p.Unused.UnixNano()}, func(rows *sql.Rows) (e resultstore.Execution, err error) {
		err = rows.Scan(&e.Run, &e.Execution)
		return e, err
	})
}

// removeRecords removes the records, unless they were put again: those have another rowid, or another start.
func (p *pruning) removeRecords(ctx context.Context, doomed []doomedRecord) error {
	return inSteps(ctx, p, doomed, func(tx *sql.Tx, r doomedRecord) (int64, error) {
		return affected(tx.ExecContext(ctx, "DELETE FROM records WHERE rowid = ? AND started_at = ? AND kind = ?", r.rowid, r.started, string(r.kind)))
	}, func(r doomedRecord) { p.pruned.Of(r.kind).Add(1, r.size) })
}

// scanRecords collects the hashes in all records that remain. It reads in the order of rowid: a record that is put again
// meanwhile gets the next one, and is read there.
func (p *pruning) scanRecords(ctx context.Context, doomed []doomedRecord) error {
	goes := map[int64]bool{}
	if p.DryRun {
		for _, r := range doomed {
			goes[r.rowid] = true
		}
	}
	for last := int64(0); ; {
		const statement = "SELECT rowid, body FROM records WHERE rowid > ? ORDER BY rowid LIMIT ?"
		read, err := collect(ctx, p.readers, statement, []any{last, scannedRow}, func(rows *sql.Rows) (rowid int64, err error) {
			var body sql.RawBytes
			if err := rows.Scan(&rowid, &body); err != nil {
				return 0, err
			}
			if !goes[rowid] {
				p.used.Scan(body)
			}
			return rowid, nil
		})
		if err != nil || len(read) == 0 {
			return err
		}
		last = read[len(read)-1]
	}
}

// addTimes notes values without a time, which an earlier version put, as put now.
func (p *pruning) addTimes(ctx context.Context) error {
	if p.DryRun {
		return nil
	}
	for last := ""; ; {
		const statement = `SELECT hash FROM contents WHERE hash > ? AND NOT EXISTS (SELECT 1 FROM puts WHERE puts.hash = contents.hash)
			ORDER BY hash LIMIT ?`
		hashes, err := collect(ctx, p.readers, statement, []any{last, scannedRow}, scanText)
		if err != nil || len(hashes) == 0 {
			return err
		}
		err = inSteps(ctx, p, hashes, func(tx *sql.Tx, hash string) (int64, error) {
			return affected(tx.ExecContext(ctx, putTime, hash, time.Now().UnixNano()))
		}, func(string) {})
		if err != nil {
			return err
		}
		last = hashes[len(hashes)-1]
	}
}

// unusedValue is a value that was not put for long.
type unusedValue struct {
	hash string
	size int64
}

func (p *pruning) removeValues(ctx context.Context) error {
	for last := ""; ; {
		const statement = `SELECT puts.hash, coalesce(length(data), 0) + (SELECT coalesce(sum(length(data)), 0) FROM pieces WHERE pieces.hash = puts.hash)
			FROM puts LEFT JOIN contents USING (hash) WHERE puts.hash > ? AND at < ? ORDER BY puts.hash LIMIT ?`
		found, err := collect(ctx, p.readers, statement, []any{last, p.Unused.UnixNano(), scannedRow}, func(rows *sql.Rows) (v unusedValue, err error) {
			err = rows.Scan(&v.hash, &v.size)
			return v, err
		})
		if err != nil || len(found) == 0 {
			return err
		}
		last = found[len(found)-1].hash
		var unused []unusedValue
		for _, v := range found {
			if !p.used.Has(v.hash) && !p.Keep.Has(v.hash) {
				unused = append(unused, v)
			}
		}
		err = inSteps(ctx, p, unused, func(tx *sql.Tx, v unusedValue) (int64, error) {
			gone, err := affected(tx.ExecContext(ctx, "DELETE FROM puts WHERE hash = ? AND at < ?", v.hash, p.Unused.UnixNano()))
			if err != nil || gone == 0 {
				return 0, err // It was put again.
			}
			if _, err := tx.ExecContext(ctx, "DELETE FROM pieces WHERE hash = ?", v.hash); err != nil {
				return 0, err
			}
			return affected(tx.ExecContext(ctx, "DELETE FROM contents WHERE hash = ?", v.hash))
		}, func(v unusedValue) { p.pruned.Values.Add(1, v.size) })
		if err != nil {
			return err
		}
	}
}

// inSteps changes rows in transactions of bounded size and time, and counts those that were changed. A dry run changes none
// and counts all.
func inSteps[T any](ctx context.Context, p *pruning, rows []T, change func(*sql.Tx, T) (int64, error), count func(T)) error {
	if p.DryRun {
		for _, row := range rows {
			count(row)
		}
		return nil
	}
	for len(rows) > 0 {
		done, changed := 0, []T{}
		err := p.inTransaction(ctx, func(tx *sql.Tx) error {
			for began := time.Now(); done < min(len(rows), pruneRows) && time.Since(began) < pruneTime; done++ {
				n, err := change(tx, rows[done])
				if err != nil {
					return err
				}
				if n > 0 {
					changed = append(changed, rows[done])
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, row := range changed {
			count(row)
		}
		rows = rows[done:]
	}
	return nil
}

// inTransaction writes beside serve: the writer is one connection, which both get in turn.
func (p *pruning) inTransaction(ctx context.Context, change func(*sql.Tx) error) error {
	var tx *sql.Tx
	err := p.whileBusy(ctx, func() (err error) {
		tx, err = p.writer.BeginTx(ctx, nil)
		return err
	})
	if err != nil {
		return err
	}
	if err := change(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// collect reads all rows of a query.
func collect[T any](ctx context.Context, db *sql.DB, statement string, args []any, scan func(*sql.Rows) (T, error)) (all []T, err error) {
	rows, err := db.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		row, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

func scanText(rows *sql.Rows) (text string, err error) {
	err = rows.Scan(&text)
	return text, err
}

func affected(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// Sizes implements resultstore.Store.
func (s *Store) Sizes(ctx context.Context) (resultstore.Sizes, error) {
	sizes, err := s.sizes(ctx)
	if err != nil {
		err = s.translate(ctx, err)
	}
	return sizes, err
}

func (s *Store) sizes(ctx context.Context) (sizes resultstore.Sizes, err error) {
	if err := ctx.Err(); err != nil {
		return sizes, err
	}
	const records = "SELECT kind, count(*), sum(length(body)) FROM records GROUP BY kind"
	_, err = collect(ctx, s.readers, records, nil, func(rows *sql.Rows) (kind resultstore.Kind, err error) {
		var count, bytes int64
		if err := rows.Scan(&kind, &count, &bytes); err != nil {
			return "", err
		}
		sizes.Of(kind).Add(count, bytes)
		return kind, nil
	})
	if err != nil {
		return sizes, err
	}
	const values = "SELECT count(*), coalesce(sum(length(data)), 0) + (SELECT coalesce(sum(length(data)), 0) FROM pieces) FROM contents"
	if err := s.readers.QueryRowContext(ctx, values).Scan(&sizes.Values.Count, &sizes.Values.Bytes); err != nil {
		return sizes, err
	}
	file, err := sqlitefile.Open(s.path)
	if err != nil {
		return sizes, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	space, err := file.Space(ctx)
	sizes.Free, sizes.Total = space.Free, space.Total
	return sizes, err
}
