// Package packed compresses values for the stores, and decompresses them. It must not know any store.
package packed

import (
	"fmt"

	"github.com/klauspost/compress/zstd"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// The encodings, as stores name them.
const (
	plain      = "plain"
	compressed = "zstd"
	named      = "named" // Encrypted, and stored by a name of its own.
)

// minCompressed is the size in bytes from which compressing a value is worth its time.
const minCompressed = 512

// Value is a value as a store has it.
type Value struct {
	Hash     string // Of the value, not of Data; or its name.
	Encoding string // "plain", "zstd" or "named".
	Data     []byte // Never nil.
}

// Codec packs and unpacks values, for many goroutines at once. It starts no goroutine and is never closed: a decoder that is
// closed while it decodes panics.
type Codec struct {
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

// New makes a Codec.
func New() (Codec, error) {
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		return Codec{}, err
	}
	// Only a damaged store has more than the largest value.
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(protocol.MaxValue))
	if err != nil {
		return Codec{}, err
	}
	return Codec{encoder, decoder}, nil
}

// Pack compresses the data if that makes them smaller. Data with a name have that instead of their hash, and stay as they are:
// they are encrypted.
func (c Codec) Pack(name string, data []byte) Value {
	packed := Value{name, plain, data}
	if data == nil {
		packed.Data = []byte{} // A nil slice would be NULL in SQL.
	}
	if name != "" {
		packed.Encoding = named
		return packed
	}
	packed.Hash = protocol.RefOf(data).Hash
	if len(data) < minCompressed {
		return packed
	}
	if smaller := c.encoder.EncodeAll(data, nil); len(smaller) < len(data) {
		packed.Encoding, packed.Data = compressed, smaller
	}
	return packed
}

// Unpack returns the data that were packed. Its error means that the store is damaged, or that a newer program wrote it.
func (c Codec) Unpack(packed Value) ([]byte, error) {
	data := packed.Data
	switch packed.Encoding {
	case plain:
	case named:
		return data, nil // Whoever encrypted it checks it.
	case compressed:
		var err error
		if data, err = c.decoder.DecodeAll(packed.Data, nil); err != nil {
			return nil, fmt.Errorf("cannot decompress value %.12s: %w", packed.Hash, err)
		}
	default:
		return nil, fmt.Errorf("unknown encoding %q of value %.12s", packed.Encoding, packed.Hash)
	}
	if protocol.RefOf(data).Hash != packed.Hash {
		return nil, fmt.Errorf("value %.12s does not match its hash", packed.Hash)
	}
	return data, nil
}
