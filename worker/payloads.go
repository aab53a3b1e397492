package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// GonePayload begins the encoding of a payload that the result store does not have. The failure of a run that needs it has this text.
const GonePayload = "gone-from-the-result-store"

// payloadThreshold is the size in bytes from which a payload (a plan, a call with many bindings) is stored outside the history.
// Temporal rejects payloads over 2 MiB, and every replay reads the whole history.
const payloadThreshold = 64 << 10

// ConfigureClient makes a client store large payloads in the result store. Every client of a run needs it.
func ConfigureClient(store resultstore.Store) func(*client.Options) {
	return func(o *client.Options) { o.ExternalStorage = ExternalStorage(store) }
}

// ConfigureHomeClient is ConfigureClient for the engine of a home. There plans of any size are stored outside the history: Temporal's Web
// UI shows the input of a run first, and a plan would be the first screen and more of them. A cluster may get runs from a client that has
// another store than the workers, which only needs theirs for what is large.
func ConfigureHomeClient(store resultstore.Store) func(*client.Options) {
	return func(o *client.Options) {
		driver := payloads{store}
		o.ExternalStorage = converter.ExternalStorage{
			Drivers:              []converter.StorageDriver{driver},
			DriverSelector:       plansToo{driver},
			PayloadSizeThreshold: 1, // The selector decides.
		}
	}
}

// plansToo selects what is stored outside the history of a home's engine.
type plansToo struct{ driver payloads }

func (s plansToo) SelectDriver(ctx converter.StorageDriverSelectContext, payload *commonpb.Payload) (converter.StorageDriver, error) {
	if proto.Size(payload) >= payloadThreshold {
		return s.driver, nil
	}
	if !bytes.HasPrefix(payload.GetData(), []byte(plan.Beginning)) {
		return nil, nil
	}
	// Where the store cannot be written, on a full disk say, the history takes the plan: a run must be able to continue, or to be refused
	// by the engine, which says why. What was stored here is the same value for Store.
	if err := s.driver.put(ctx.Context, payload); err != nil {
		return nil, nil //nolint:nilerr // See above.
	}
	return s.driver, nil
}

// ExternalStorage returns the storage of large payloads.
func ExternalStorage(store resultstore.Store) converter.ExternalStorage {
	return converter.ExternalStorage{
		Drivers:              []converter.StorageDriver{payloads{store}},
		PayloadSizeThreshold: payloadThreshold,
	}
}

// payloads stores payloads as values of the result store: equal ones once.
type payloads struct{ store resultstore.Store }

func (payloads) Name() string { return "gleitzeit" }

func (payloads) Type() string { return "gleitzeit.resultstore" }

func (p payloads) put(ctx context.Context, payload *commonpb.Payload) error {
	_, err := p.Store(converter.StorageDriverStoreContext{Context: ctx}, []*commonpb.Payload{payload})
	return err
}

func (p payloads) Store(ctx converter.StorageDriverStoreContext, all []*commonpb.Payload) ([]converter.StorageDriverClaim, error) {
	batch := resultstore.Batch{}
	claims := make([]converter.StorageDriverClaim, len(all))
	for i, payload := range all {
		data, err := proto.MarshalOptions{Deterministic: true}.Marshal(payload)
		if err != nil {
			return nil, err
		}
		ref := protocol.RefOf(data)
		batch.Values = append(batch.Values, data)
		claims[i].ClaimData = map[string]string{"hash": ref.Hash, "size": strconv.FormatInt(ref.Size, 10)}
	}
	if err := p.store.Put(ctx.Context, batch); err != nil {
		return nil, err
	}
	return claims, nil
}

func (p payloads) Retrieve(ctx converter.StorageDriverRetrieveContext, claims []converter.StorageDriverClaim) ([]*commonpb.Payload, error) {
	all := make([]*commonpb.Payload, len(claims))
	for i, claim := range claims {
		payload, err := p.retrieve(ctx.Context, claim)
		if err != nil {
			return nil, err
		}
		all[i] = payload
	}
	return all, nil
}

func (p payloads) retrieve(ctx context.Context, claim converter.StorageDriverClaim) (*commonpb.Payload, error) {
	size, err := strconv.ParseInt(claim.ClaimData["size"], 10, 64)
	if err != nil {
		return nil, fmt.Errorf("invalid size of a stored payload: %w", err)
	}
	data, err := p.store.Value(ctx, protocol.Ref{Hash: claim.ClaimData["hash"], Size: size})
	if errors.Is(err, resultstore.ErrNotFound) {
		// An error would be retried forever; an unknown encoding fails the run, with this text in its error.
		return &commonpb.Payload{Metadata: map[string][]byte{
			converter.MetadataEncoding: []byte(GonePayload + "/" + claim.ClaimData["hash"]),
		}}, nil
	}
	if err != nil {
		return nil, err
	}
	payload := &commonpb.Payload{}
	return payload, proto.Unmarshal(data, payload)
}
