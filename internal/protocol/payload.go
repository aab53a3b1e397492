package protocol

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// MaxInline is the size in bytes of the largest value (as JSON) that is inline in a Payload; a larger one is in the result
// store, and the Payload has its Ref.
const MaxInline = 16 << 10

// MaxValue is the size in bytes of the largest value (as JSON) that a result store accepts.
const MaxValue = 64 << 20

// Ref identifies a value in the result store by the hash of its JSON.
type Ref struct {
	Hash  string `json:"hash"`            // SHA-256 in lowercase hex.
	Size  int64  `json:"size"`            // Bytes of JSON.
	Paged bool   `json:"paged,omitempty"` // It is that of a PagedResult.
}

// RefOf returns the Ref of the bytes of a value.
func RefOf(data []byte) Ref {
	sum := sha256.Sum256(data)
	return Ref{Hash: hex.EncodeToString(sum[:]), Size: int64(len(data))}
}

// Payload is a value on its way through a workflow, inline or by its Ref, or both. The zero Payload is empty.
type Payload struct {
	Ref    *Ref         `json:"ref,omitempty"`
	Inline *value.Value `json:"inline,omitempty"` // The value itself, up to MaxInline.
}

// Empty reports whether there is no value.
func (p Payload) Empty() bool { return p.Ref == nil && p.Inline == nil }

// NewCallPayload returns the payload of a value in a Call: inline if small, else the Ref alone. Whoever makes the Call must
// have put the returned JSON into the store.
func NewCallPayload(v value.Value) (Payload, []byte) {
	payload, data := NewPayload(v)
	if payload.Inline != nil {
		payload.Ref = nil
	}
	return payload, data
}

// NewPayload returns the payload of a value in an Outcome, and its JSON for the store.
func NewPayload(v value.Value) (Payload, []byte) { return payloadOf(v, v.JSON()) }

// NewResultPayload is NewPayload for a result, which may have a large text several times: the store has it once.
func NewResultPayload(v value.Value) (Payload, []byte) { return payloadOf(v, v.StoredJSON()) }

func payloadOf(v value.Value, data []byte) (Payload, []byte) {
	ref := RefOf(data)
	payload := Payload{Ref: &ref}
	if len(data) <= MaxInline {
		payload.Inline = &v
	}
	return payload, data
}
