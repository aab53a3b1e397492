package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// Value implements resultstore.Store.
func (s *Store) Value(ctx context.Context, ref protocol.Ref) ([]byte, error) {
	c := content{hash: ref.Hash}
	err := s.readers.QueryRowContext(ctx, "SELECT encoding, data FROM contents WHERE hash = ?", ref.Hash).Scan(&c.encoding, &c.data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, resultstore.ErrNotFound
	}
	if err != nil {
		return nil, s.readTrouble(ctx, err)
	}
	data, err := unpack(c)
	if err != nil {
		return nil, trouble(s.path, err)
	}
	return data, nil
}

// Records implements resultstore.Store.
func (s *Store) Records(ctx context.Context, query resultstore.Query) ([]resultstore.Record, error) {
	statement, args, err := s.statement(ctx, query)
	if err != nil {
		return nil, s.readTrouble(ctx, err)
	}
	if query.Limit > 0 {
		statement += " LIMIT ?"
		args = append(args, query.Limit)
	}
	records, err := s.read(ctx, statement, args)
	if err != nil {
		return nil, s.readTrouble(ctx, err)
	}
	return records, nil
}

// statement is the query without its limit.
func (s *Store) statement(ctx context.Context, query resultstore.Query) (string, []any, error) {
	var where []string
	var args []any
	equal := func(column, value string) {
		if value != "" {
			where = append(where, column+" = ?")
			args = append(args, value)
		}
	}
	if query.Run == "" {
		where = append(where, "kind = 'run'")
		equal("workflow", query.Workflow)
		equal("status", string(query.Status))
		return "SELECT body FROM records WHERE " + strings.Join(where, " AND ") + " ORDER BY started DESC, rowid DESC", args, nil
	}
	execution := query.Execution
	if execution == "" {
		var err error
		if execution, err = s.newest(ctx, query.Run); err != nil {
			return "", nil, err
		}
	}
	equal("run", query.Run)
	where = append(where, "execution = ?")
	args = append(args, execution)
	equal("task", query.Task)
	equal("kind", string(query.Kind))
	return "SELECT body FROM records WHERE " + strings.Join(where, " AND ") + " ORDER BY task, item, attempt", args, nil
}

// newest is the execution of the run that started last; where no run was recorded yet, of what was put last.
func (s *Store) newest(ctx context.Context, run string) (string, error) {
	var execution string
	err := s.readers.QueryRowContext(ctx, `SELECT execution FROM records WHERE run = ?
		ORDER BY kind = 'run' DESC, CASE kind WHEN 'run' THEN started END DESC, rowid DESC LIMIT 1`, run).Scan(&execution)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return execution, err
}

func (s *Store) read(ctx context.Context, statement string, args []any) (records []resultstore.Record, err error) {
	rows, err := s.readers.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	records = []resultstore.Record{}
	for rows.Next() {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return nil, err
		}
		var record resultstore.Record
		if err := json.Unmarshal(body, &record); err != nil {
			return nil, err
		}
		records = append(records, record)
	}
	return records, rows.Err()
}

func (s *Store) readTrouble(ctx context.Context, err error) error {
	select {
	case <-s.ending:
		return s.isClosed()
	default:
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return trouble(s.path, err)
}
