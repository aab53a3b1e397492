// Package rows makes items of the rows of a table: those that are wanted of them, checked for the columns that references need and for
// keys that several rows have. It reads an open table, as often as it has to, and stores nothing.
package rows

import (
	"bytes"
	"cmp"
	"container/heap"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/table"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// File is an open table.
type File interface {
	io.ReaderAt
	io.Closer
}

// Source is a table whose rows are the items of a task. It is for one goroutine.
type Source struct {
	Name string // The path of the table.

	file    File
	size    int64
	options table.Options
	rows    *protocol.Rows
	limit   int
	sample  int
	seed    int64
	chosen  map[int]bool // With a sample: the rows to take, by their number from 0.
	table   *table.Table // What was read last; nil: it has requests.
}

// New returns the rows that a request wants of a table, or of a sheet of it.
func New(name string, file File, size int64, sheet string, request protocol.ExpandRequest) *Source {
	return &Source{
		Name: name, file: file, size: size, options: table.Options{Delimiter: request.Rows.Delimiter, Sheet: sheet}, rows: request.Rows,
		limit: request.Limit, sample: request.Sample, seed: request.Seed,
	}
}

// Close closes the table, which was only read.
func (s *Source) Close() { _ = s.file.Close() }

// reader reads the rows of a file.
type reader interface {
	Next() (table.Row, error)
}

// open reads the beginning of the table.
func (s *Source) open(ctx context.Context) (reader, error) {
	if s.rows.Requests {
		return s.openRequests(), nil
	}
	opened, err := table.Open(ctx, s.Name, s.file, s.size, s.options)
	if err != nil {
		return nil, s.failed(err)
	}
	s.table = opened
	return opened, s.checkColumns(opened.Columns())
}

// Table returns what the table looks like, as far as its rows were read; nil if they are requests.
func (s *Source) Table() *protocol.Table {
	if s.table == nil {
		return nil
	}
	return s.table.Format()
}

// failed returns an error of the table. That of a context that has ended is none.
func (s *Source) failed(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	what := "rows"
	if s.rows.Requests {
		what = "requests"
	}
	failure := protocol.Errorf(protocol.TaskValidationFailed, "cannot read the %s of %q: %s", what, s.Name, err)
	if of, is := errors.AsType[*table.Error](err); is && of.Hint != "" {
		failure = failure.WithHint("%s", of.Hint)
	}
	return failure
}

// checkColumns rejects a table without a column that each row must have.
func (s *Source) checkColumns(columns []string) error {
	if columns == nil {
		return nil
	}
	wanted := s.rows.Columns
	if s.rows.Key != "" {
		wanted = append([]string{s.rows.Key}, wanted...)
	}
	for _, name := range wanted {
		if !slices.Contains(columns, name) {
			return protocol.Errorf(protocol.TaskValidationFailed, "%q has no column %q; its columns are %s", s.Name, name, quotedWords(columns)).
				WithHint("a reference such as ${item.NAME} and key name a column as the header has it; ${item.NAME:-} is empty where there is none")
		}
	}
	return nil
}

// mostNamed is how many columns a message names.
const mostNamed = 30

func quotedWords(words []string) string {
	var text strings.Builder
	for i, word := range words[:min(len(words), mostNamed)] {
		if i > 0 {
			text.WriteString(", ")
		}
		text.Write(value.String(word).JSON())
	}
	if more := len(words) - mostNamed; more > 0 {
		fmt.Fprintf(&text, " and %d more", more)
	}
	return text.String()
}

// Row is a row that is an item.
type Row struct {
	Place string // Where it is, for people.
	Item  value.Value
	Error *protocol.Error // Why it cannot run; nil if it can.
}

// Each passes the rows that are items, in their order. A function that returns io.EOF ends that.
func (s *Source) Each(ctx context.Context, pass func(row Row) error) error {
	return s.each(ctx, func(row table.Row) error { return pass(Row{row.Place, row.Value, rowFailure(row.Err)}) })
}

// Count returns how many rows the table has.
func (s *Source) Count(ctx context.Context) (count int, err error) {
	err = s.all(ctx, func(int, table.Row) error {
		count++
		return nil
	})
	return count, err
}

// each passes the rows that are items.
func (s *Source) each(ctx context.Context, pass func(row table.Row) error) error {
	if s.sample > 0 && s.chosen == nil {
		if err := s.choose(ctx); err != nil {
			return err
		}
	}
	taken := 0
	return s.all(ctx, func(number int, row table.Row) error {
		if s.sample > 0 && !s.chosen[number] {
			return nil
		}
		if taken++; s.limit > 0 && taken > s.limit {
			return io.EOF
		}
		return pass(row)
	})
}

// all passes every row, with its number from 0. A function that returns io.EOF ends that.
func (s *Source) all(ctx context.Context, pass func(number int, row table.Row) error) error {
	opened, err := s.open(ctx)
	if err != nil {
		return err
	}
	for number := 0; ; number++ {
		if number%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		row, err := opened.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return s.failed(err)
		}
		s.checkKey(&row)
		if err := pass(number, row); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// checkKey makes a row invalid that nothing identifies.
func (s *Source) checkKey(row *table.Row) {
	if s.rows.Key == "" || row.Err != nil {
		return
	}
	if key := protocol.KeyOf(row.Value, s.rows.Key); key.IsNull() || key.Kind() == value.KindString && key.Text() == "" {
		row.Err = &table.Error{Message: fmt.Sprintf("%s: the row has no %s, which is the key", row.Place, s.rows.Key)}
	}
}

// ranked is a row that may be in a sample.
type ranked struct {
	number int
	rank   [sha256.Size]byte
}

func (r ranked) compare(other ranked) int {
	return cmp.Or(bytes.Compare(r.rank[:], other.rank[:]), cmp.Compare(r.number, other.number))
}

// worstFirst is a heap of rows: the first one leaves the sample next.
type worstFirst []ranked

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (w worstFirst) Len() int           { return len(w) }
func (w worstFirst) Less(i, j int) bool { return w[i].compare(w[j]) > 0 }
func (w worstFirst) Swap(i, j int)      { w[i], w[j] = w[j], w[i] }
func (w *worstFirst) Push(row any)      { *w = append(*w, row.(ranked)) } //nolint:forcetypeassert // It is nothing else.
func (w *worstFirst) Pop() any {
	last := (*w)[len(*w)-1]
	*w = (*w)[:len(*w)-1]
	return last
}

// choose takes a sample. A row is chosen by a hash of its key, or else of its cells, so that the sample is nearly the same after a row
// was added.
func (s *Source) choose(ctx context.Context) error {
	var best worstFirst
	err := s.all(ctx, func(number int, row table.Row) error {
		text := binary.BigEndian.AppendUint64(nil, uint64(s.seed)) //nolint:gosec // Its bits.
		one := ranked{number, sha256.Sum256(append(text, protocol.IdentityOf(row.Value, s.rows.Key)...))}
		if heap.Push(&best, one); len(best) > s.sample {
			heap.Pop(&best)
		}
		return nil
	})
	s.chosen = make(map[int]bool, len(best))
	for _, one := range best {
		s.chosen[one.number] = true
	}
	return err
}

// rowFailure returns why a row cannot run.
func rowFailure(err error) *protocol.Error {
	if err == nil {
		return nil
	}
	failure := protocol.Errorf(protocol.TaskValidationFailed, "%s", err)
	if of, is := errors.AsType[*table.Error](err); is && of.Hint != "" {
		failure = failure.WithHint("%s", of.Hint)
	}
	return failure
}

// Keys finds keys that several rows have. It has 8 bytes of each.
type Keys struct {
	source *Source
	seed   maphash.Seed
	hashes []uint64
}

// Keys returns an empty set of keys of the table.
func (s *Source) Keys() *Keys { return &Keys{source: s, seed: maphash.MakeSeed()} }

// Add adds the key of a row, if it has one.
func (k *Keys) Add(row Row) {
	if key := protocol.KeyOf(row.Item, k.source.rows.Key); row.Error == nil && !key.IsNull() {
		k.hashes = append(k.hashes, maphash.Bytes(k.seed, key.JSON()))
	}
}

// Check returns an error if two rows have the same key: it names both. It reads the table again where that seems so.
func (k *Keys) Check(ctx context.Context) error {
	slices.Sort(k.hashes)
	suspect := map[uint64]bool{}
	for i := 1; i < len(k.hashes) && len(suspect) < mostNamed; i++ {
		if k.hashes[i] == k.hashes[i-1] {
			suspect[k.hashes[i]] = true
		}
	}
	if len(suspect) == 0 {
		return nil
	}
	source, places := k.source, map[string]string{}
	return source.each(ctx, func(row table.Row) error {
		if row.Err != nil {
			return nil //nolint:nilerr // An invalid row has no key.
		}
		key := protocol.KeyOf(row.Value, source.rows.Key).JSON()
		if !suspect[maphash.Bytes(k.seed, key)] {
			return nil
		}
		if first, is := places[string(key)]; is {
			return protocol.Errorf(protocol.TaskValidationFailed, "cannot read the rows of %q: %s and %s have the same %s, %.200s", source.Name, first, row.Place, source.rows.Key, key).
				WithHint("a key identifies a row: remove one of them, or name another column")
		}
		places[string(key)] = row.Place
		return nil
	})
}
