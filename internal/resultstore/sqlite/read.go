package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/packed"
)

const (
	// The literal kind lets SQLite use the index of runs alone.
	newestRun = "SELECT execution FROM records WHERE run = ? AND kind = 'run' ORDER BY started_at DESC, rowid DESC LIMIT 1"
	latestPut = "SELECT execution FROM records WHERE run = ? ORDER BY rowid DESC LIMIT 1"
	getValue  = "SELECT encoding, data FROM contents WHERE hash = ?"
	getPieces = "SELECT encoding, data FROM pieces WHERE hash = ? ORDER BY number"
)

// Value implements resultstore.Store.
func (s *Store) Value(ctx context.Context, ref protocol.Ref) ([]byte, error) {
	if err := s.check.wait(ctx, false); err != nil {
		return nil, err
	}
	value := packed.Value{Hash: ref.Hash}
	err := s.readers.QueryRowContext(ctx, getValue, ref.Hash).Scan(&value.Encoding, &value.Data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, resultstore.ErrNotFound
	}
	if err != nil {
		return nil, s.translate(ctx, err)
	}
	if value.InPieces() {
		return s.pieces(ctx, value, ref.Size)
	}
	data, err := s.codec.Unpack(value)
	if err != nil {
		return nil, damaged(s.path, err)
	}
	return data, nil
}

// pieces returns a value that is stored in pieces.
func (s *Store) pieces(ctx context.Context, stored packed.Value, size int64) (data []byte, err error) {
	rows, err := s.readers.QueryContext(ctx, getPieces, stored.Hash)
	if err != nil {
		return nil, s.translate(ctx, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return nil, s.translate(ctx, err)
		}
		return nil, resultstore.ErrNotFound // It was removed meanwhile.
	}
	whole := s.codec.UnpackPieces(stored, size)
	for more := true; more; more = rows.Next() {
		var encoding string
		var bytes sql.RawBytes
		if err := rows.Scan(&encoding, &bytes); err != nil {
			return nil, s.translate(ctx, err)
		}
		if err := whole.Add(packed.Piece{Encoding: encoding, Data: bytes}); err != nil {
			return nil, damaged(s.path, err)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, s.translate(ctx, err)
	}
	if data, err = whole.Data(); err != nil {
		return nil, damaged(s.path, err)
	}
	return data, nil
}

// Records implements resultstore.Store.
func (s *Store) Records(ctx context.Context, query resultstore.Query) ([]resultstore.Record, error) {
	if err := s.check.wait(ctx, false); err != nil {
		return nil, err
	}
	if query.Run != "" && query.Execution == "" {
		execution, err := s.newest(ctx, query.Run)
		if err != nil {
			return nil, s.translate(ctx, err)
		}
		query.Execution = execution
	}
	statement, args := selection(query)
	records, err := s.read(ctx, statement, args)
	if err != nil {
		return nil, s.translate(ctx, err)
	}
	return records, nil
}

// newest returns the execution that started last; before a run was recorded, the one of the last put.
func (s *Store) newest(ctx context.Context, run string) (execution string, err error) {
	for _, statement := range []string{newestRun, latestPut} {
		err := s.readers.QueryRowContext(ctx, statement, run).Scan(&execution)
		if !errors.Is(err, sql.ErrNoRows) {
			return execution, err
		}
	}
	return "", nil
}

// selection returns the statement of a query, which has an execution if it has a run.
func selection(query resultstore.Query) (statement string, args []any) {
	var where []string
	wanted := func(column, value string) {
		where = append(where, column+" = ?")
		args = append(args, value)
	}
	order := "task, item, attempt"
	if query.Run == "" {
		where = append(where, "kind = 'run'")
		if query.Workflow != "" {
			wanted("workflow", query.Workflow)
		}
		if query.Status != "" {
			wanted("status", string(query.Status))
		}
		if !query.Before.IsZero() {
			where = append(where, "started_at < ?")
			args = append(args, query.Before.UnixNano())
		}
		if !query.Since.IsZero() {
			where = append(where, "started_at >= ?")
			args = append(args, query.Since.UnixNano())
		}
		order = "started_at DESC, rowid DESC"
	} else {
		wanted("run", query.Run)
		wanted("execution", query.Execution)
		if query.Task != "" {
			wanted("task", query.Task)
		}
		switch {
		case query.Item != nil && query.Last != nil:
			where = append(where, "item BETWEEN ? AND ?")
			args = append(args, *query.Item, *query.Last)
		case query.Item != nil:
			where = append(where, "item = ?")
			args = append(args, *query.Item)
		}
		if query.Kind != "" {
			wanted("kind", string(query.Kind))
		}
	}
	statement = "SELECT body FROM records WHERE " + strings.Join(where, " AND ") + " ORDER BY " + order
	if query.Limit > 0 {
		statement += " LIMIT ?"
		args = append(args, query.Limit)
	}
	return statement, args
}

func (s *Store) read(ctx context.Context, statement string, args []any) (records []resultstore.Record, err error) {
	rows, err := s.readers.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	records = []resultstore.Record{}
	for rows.Next() {
		var body sql.RawBytes
		if err := rows.Scan(&body); err != nil {
			return nil, err
		}
		var record resultstore.Record
		if err := json.Unmarshal(body, &record); err != nil {
			return nil, damaged(s.path, fmt.Errorf("cannot read a record: %w", err))
		}
		records = append(records, record)
	}
	return records, rows.Err()
}
