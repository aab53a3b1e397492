package resultstore

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Load returns the value of a payload: the inline one, or that of the store under its Ref. An empty payload is null. The
// error is ErrNotFound, wrapped, where the store has no such value.
func Load(ctx context.Context, store Store, payload protocol.Payload) (value.Value, error) {
	switch {
	case payload.Inline != nil:
		return *payload.Inline, nil
	case payload.Ref == nil:
		return value.Value{}, nil
	}
	if payload.Ref.Paged {
		return loadWhole(ctx, store, *payload.Ref)
	}
	value.MakeRoom(int(payload.Ref.Size))
	data, err := store.Value(ctx, *payload.Ref)
	if err != nil {
		return value.Value{}, fmt.Errorf("cannot read value %.12s of %d bytes: %w", payload.Ref.Hash, payload.Ref.Size, err)
	}
	return value.ParseStored(data)
}

// LoadPaged reads the index of a result in pages.
func LoadPaged(ctx context.Context, store Store, ref protocol.Ref) (*protocol.PagedResult, error) {
	data, err := store.Value(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("cannot read value %.12s of %d bytes: %w", ref.Hash, ref.Size, err)
	}
	index := &protocol.PagedResult{}
	return index, json.Unmarshal(data, index)
}

// loadWhole reads all pages of a result.
func loadWhole(ctx context.Context, store Store, ref protocol.Ref) (value.Value, error) {
	index, err := LoadPaged(ctx, store, ref)
	if err == nil {
		err = index.Check()
	}
	if err != nil {
		return value.Value{}, err
	}
	value.MakeRoom(int(index.Bytes))
	results := make([]value.Value, 0, index.Total)
	for _, page := range index.Pages {
		list, err := Load(ctx, store, protocol.Payload{Ref: &page.Ref})
		if err != nil {
			return value.Value{}, err
		}
		results = append(results, list.Elements()...)
	}
	return index.Value(value.List(results...)), nil
}

// LoadManifest reads the list of the pages of a task's items. One that was stored without pages, as earlier versions did, is one page.
func LoadManifest(ctx context.Context, store Store, ref protocol.Ref) (protocol.Manifest, error) {
	var manifest protocol.Manifest
	data, err := store.Value(ctx, ref)
	if err != nil {
		return manifest, fmt.Errorf("cannot read value %.12s of %d bytes: %w", ref.Hash, ref.Size, err)
	}
	if len(data) > 0 && data[0] == '{' {
		err := json.Unmarshal(data, &manifest)
		return manifest, err
	}
	list, err := value.ParseStored(data)
	if err != nil {
		return manifest, err
	}
	count := len(list.Elements())
	return protocol.Manifest{Total: count, Pages: []protocol.Page{{Ref: ref, Count: count}}}, nil
}

// LoadPage reads the items of a page of a task's items.
func LoadPage(ctx context.Context, store Store, page protocol.Page) ([]value.Value, error) {
	list, err := Load(ctx, store, protocol.Payload{Ref: &page.Ref})
	if err != nil {
		return nil, err
	}
	if inPage, is := list.Get("items"); is { // With items that are invalid.
		list = inPage
	}
	if got := len(list.Elements()); got != page.Count {
		return nil, protocol.Errorf(protocol.PersistenceFailed, "a page of the items has %d items instead of %d", got, page.Count)
	}
	return list.Elements(), nil
}
