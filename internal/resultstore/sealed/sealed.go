// Package sealed encrypts what another store stores: values, and of records what a task returned or was given. Ids, names of
// workflows and methods, statuses, times and sizes stay as they are, because stores search by them. Values are named by an
// HMAC of their hash, so that whoever sees a store cannot look for a content that they know.
package sealed

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gleitzeit/gleitzeit/internal/encryption"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/packed"
)

// Store is a resultstore.Store that encrypts. Without keys, it reads what is not encrypted, and stores it so.
type Store struct {
	resultstore.Store
	keys  *encryption.Keys
	codec packed.Codec
	known names
}

// Open returns a store that encrypts what goes to another one. It fails where the newest run of that is encrypted with a key that
// is missing: everything that would be done with it would fail.
func Open(ctx context.Context, inner resultstore.Store, keys *encryption.Keys) (*Store, error) {
	codec, err := packed.New()
	if err != nil {
		return nil, err
	}
	s := &Store{Store: inner, keys: keys, codec: codec}
	newest, err := inner.Records(ctx, resultstore.Query{Limit: 1})
	if err != nil {
		return nil, err
	}
	for _, record := range newest {
		if _, err := s.open(record); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Advice implements resultstore.Adviser.
func (s *Store) Advice() []string {
	if adviser, is := s.Store.(resultstore.Adviser); is {
		return adviser.Advice()
	}
	return nil
}

// Put implements resultstore.Store.
func (s *Store) Put(ctx context.Context, batch resultstore.Batch) error {
	if s.keys == nil {
		return s.Store.Put(ctx, batch)
	}
	if err := batch.Check(); err != nil {
		return err
	}
	var sealed resultstore.Batch
	inBatch := map[string]bool{}
	add := func(name string, data []byte) {
		sealed.Names, sealed.Values = append(sealed.Names, name), append(sealed.Values, s.sealValue(name, data))
		inBatch[name] = true
	}
	for _, data := range batch.Values {
		add(s.name(protocol.RefOf(data).Hash), data)
	}
	for _, record := range batch.Records {
		// Whatever a record refers to must be there by the name that the record has for it, to whoever cleans up the store.
		for _, ref := range record.Refs() {
			if inBatch[s.name(ref.Hash)] {
				continue
			}
			if data, err := s.earlier(ctx, *ref); err != nil {
				return err
			} else if data != nil {
				add(s.name(ref.Hash), data)
			}
		}
		closed, err := s.seal(record)
		if err != nil {
			return err
		}
		sealed.Records = append(sealed.Records, closed)
	}
	if err := s.Store.Put(ctx, sealed); err != nil {
		return err
	}
	s.known.add(sealed.Names...)
	return nil
}

// name returns the name of a hash with the first key.
func (s *Store) name(hash string) string { return s.keys.Names(hash)[0] }

// Names implements resultstore.Namer: the names by each key, and that of a value that is not encrypted.
func (s *Store) Names(hash string) []string { return append(s.keys.Names(hash), hash) }

// earlier returns a value that was stored without keys, or with an earlier first key, and not with the present one; nil where
// there is none.
func (s *Store) earlier(ctx context.Context, ref protocol.Ref) ([]byte, error) {
	names := s.Names(ref.Hash)
	if s.known.has(names[0]) {
		return nil, nil
	}
	for i, name := range names {
		data, err := s.valueNamed(ctx, name, ref)
		switch {
		case errors.Is(err, resultstore.ErrNotFound):
			continue
		case err != nil:
			return nil, err
		case i == 0:
			s.known.add(name)
			return nil, nil
		}
		return data, nil
	}
	return nil, nil
}

// Value implements resultstore.Store.
func (s *Store) Value(ctx context.Context, ref protocol.Ref) ([]byte, error) {
	for _, name := range s.Names(ref.Hash) {
		data, err := s.valueNamed(ctx, name, ref)
		if !errors.Is(err, resultstore.ErrNotFound) {
			return data, err
		}
	}
	return nil, resultstore.ErrNotFound
}

func (s *Store) valueNamed(ctx context.Context, name string, ref protocol.Ref) ([]byte, error) {
	stored, err := s.Store.Value(ctx, protocol.Ref{Hash: name, Size: ref.Size})
	if err != nil || !encryption.IsEncrypted(stored) {
		return stored, err // JSON and payloads do not begin like that.
	}
	framed, err := s.keys.Decrypt(encryption.Value, stored, name)
	if err != nil {
		return nil, err
	}
	encoding, data, _ := bytes.Cut(framed, []byte(":"))
	return s.codec.Unpack(packed.Value{Hash: ref.Hash, Encoding: string(encoding), Data: data})
}

// sealValue compresses and encrypts a value: what is encrypted cannot be compressed.
func (s *Store) sealValue(name string, data []byte) []byte {
	smaller := s.codec.Pack("", data)
	framed := append(append(make([]byte, 0, len(smaller.Data)+16), smaller.Encoding+":"...), smaller.Data...)
	return s.keys.Encrypt(encryption.Value, framed, name)
}

// hidden is what of a record is encrypted.
type hidden struct {
	Task    string          `json:"task,omitempty"` // Of a cached call: the hash of the call.
	Reason  string          `json:"reason,omitempty"`
	Error   *protocol.Error `json:"error,omitempty"`
	Warning string          `json:"warning,omitempty"`
	Value   *protocol.Ref   `json:"value,omitempty"`
	Plan    *protocol.Ref   `json:"plan,omitempty"`
	Items   *protocol.Ref   `json:"items,omitempty"`
	Pages   []protocol.Ref  `json:"pages,omitempty"`
	Printed *protocol.Ref   `json:"printed,omitempty"`
	Summary *protocol.Ref   `json:"summary,omitempty"`
	Asked   *protocol.Ref   `json:"approval,omitempty"`
	Log     *protocol.Ref   `json:"log,omitempty"`
	Call    string          `json:"call,omitempty"`
}

// seal returns the record as the inner store has it. Its references are the names of values.
func (s *Store) seal(record resultstore.Record) (resultstore.Record, error) {
	h := hidden{
		Reason: record.Reason, Error: record.Error, Warning: record.Warning, Value: record.Value, Plan: record.Plan, Items: record.Items, Pages: record.Pages,
		Printed: record.Printed, Summary: record.Summary, Asked: record.Approval, Log: record.Log, Call: record.Call,
	}
	record.Reason, record.Error, record.Warning, record.Call = "", nil, "", ""
	for _, ref := range []**protocol.Ref{&record.Value, &record.Plan, &record.Items, &record.Printed, &record.Summary, &record.Approval, &record.Log} {
		if *ref != nil {
			*ref = &protocol.Ref{Hash: s.name((*ref).Hash), Size: (*ref).Size}
		}
	}
	record.Pages = nil
	for _, page := range h.Pages {
		record.Pages = append(record.Pages, protocol.Ref{Hash: s.name(page.Hash), Size: page.Size})
	}
	if record.Kind == resultstore.Cached || record.Kind == resultstore.Chunk { // A hash of a content that may be guessed.
		h.Task, record.Task = record.Task, s.name(record.Task)
	}
	data, err := json.Marshal(h)
	if err != nil {
		return record, protocol.Errorf(protocol.InternalError, "cannot store a record of run %q: %v", record.Run, err).WithKind(protocol.Permanent)
	}
	record.Sealed = s.keys.Encrypt(encryption.Record, data, about(record.Key))
	return record, nil
}

// about binds the encrypted part to its record.
func about(key resultstore.Key) string {
	return fmt.Sprintf("%q %q %q %d %d", key.Run, key.Execution, key.Task, key.Item, key.Attempt)
}

// open returns the record that was sealed.
func (s *Store) open(record resultstore.Record) (resultstore.Record, error) {
	if record.Sealed == nil {
		return record, nil
	}
	data, err := s.keys.Decrypt(encryption.Record, record.Sealed, about(record.Key))
	if err != nil {
		return record, err
	}
	var h hidden
	if err := json.Unmarshal(data, &h); err != nil {
		return record, protocol.Errorf(protocol.PersistenceFailed, "the result store is damaged: cannot read a record of run %q: %v", record.Run, err)
	}
	record.Task, record.Sealed = cmp.Or(h.Task, record.Task), nil
	record.Reason, record.Error, record.Warning = h.Reason, h.Error, h.Warning
	record.Value, record.Plan, record.Items, record.Pages, record.Printed, record.Summary, record.Call = h.Value, h.Plan, h.Items, h.Pages, h.Printed, h.Summary, h.Call
	record.Approval, record.Log = cmp.Or(h.Asked, record.Approval), h.Log // Earlier versions did not encrypt the former.
	return record, nil
}

// Records implements resultstore.Store. In a list of runs, one whose key is missing has what is not encrypted.
func (s *Store) Records(ctx context.Context, query resultstore.Query) ([]resultstore.Record, error) {
	if query.Run == resultstore.CallKey("").Run || query.Kind == resultstore.Chunk {
		return s.named(ctx, query)
	}
	records, err := s.Store.Records(ctx, query)
	if err != nil {
		return nil, err
	}
	for i, record := range records {
		opened, err := s.open(record)
		switch {
		case errors.Is(err, encryption.ErrMissingKey) && query.Run == "":
			records[i].Sealed, records[i].Value, records[i].Plan, records[i].Items, records[i].Printed, records[i].Summary = nil, nil, nil, nil, nil, nil
			records[i].Approval, records[i].Log = nil, nil
		case err != nil:
			return nil, err
		default:
			records[i] = opened
		}
	}
	return records, nil
}

// named returns the record of a cached call or a chunk: by the name of its hash. One that cannot be decrypted is none.
func (s *Store) named(ctx context.Context, query resultstore.Query) ([]resultstore.Record, error) {
	hash := query.Task
	for _, name := range s.Names(hash) {
		query.Task = name
		records, err := s.Store.Records(ctx, query)
		if err != nil {
			return nil, err
		}
		for i, record := range records {
			if records[i], err = s.open(record); err != nil {
				records = nil
				break
			}
		}
		if len(records) > 0 {
			return records, nil
		}
	}
	return []resultstore.Record{}, nil
}
