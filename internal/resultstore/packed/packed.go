// Package packed compresses values for the stores, and decompresses them. It must not know any store.
package packed

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// The encodings, as stores name them.
const (
	plain      = "plain"
	compressed = "zstd"
	named      = "named" // Encrypted, and stored by a name of its own.
	// Of values in pieces.
	inPieces    = "pieces"
	namedPieces = "named pieces"
)

// minCompressed is the size in bytes from which compressing a value is worth its time.
const minCompressed = 512

// Value is a value as a store has it.
type Value struct {
	Hash     string  // Of the value, not of Data; or its name.
	Encoding string  // "plain", "zstd", "named", "pieces" or "named pieces".
	Data     []byte  // Never nil.
	Pieces   []Piece // Instead of Data.
}

// Piece is a part of a value.
type Piece struct {
	Encoding string // "plain" or "zstd".
	Data     []byte
}

// pieceSize is the number of bytes of a value that are one piece, and leastPieces that of a value that is stored in pieces.
const (
	pieceSize   = 1 << 20
	leastPieces = 4 << 20
)

// Codec packs and unpacks values, for many goroutines at once. It starts no goroutine and is never closed: a decoder that is
// closed while it decodes panics.
type Codec struct {
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

// New makes a Codec.
func New() (Codec, error) {
	// A larger window would keep a history of 16 MiB for each processor; most values are smaller than this one.
	encoder, err := zstd.NewWriter(nil, zstd.WithWindowSize(pieceSize), zstd.WithLowerEncoderMem(true))
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
	packed := Value{Hash: name, Encoding: plain, Data: data}
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

// PackInPieces is Pack for a store that has a large value in pieces: then neither it nor this program has it as a whole several
// times.
func (c Codec) PackInPieces(name string, data []byte) Value {
	if len(data) < leastPieces {
		return c.Pack(name, data)
	}
	packed := Value{Hash: name, Encoding: namedPieces, Data: []byte{}}
	if name == "" {
		packed.Hash, packed.Encoding = protocol.RefOf(data).Hash, inPieces
	}
	value.MakeRoom(len(data)) // Whoever made the data may have left as much.
	buffer := make([]byte, 0, c.encoder.MaxEncodedSize(pieceSize))
	for piece := range slices.Chunk(data, pieceSize) {
		stored := Piece{plain, piece}
		if packed.Encoding == inPieces {
			if smaller := c.encoder.EncodeAll(piece, buffer); len(smaller) < len(piece) {
				stored = Piece{compressed, bytes.Clone(smaller)}
			}
		}
		packed.Pieces = append(packed.Pieces, stored)
	}
	return packed
}

// Unpacking puts a value in pieces together.
type Unpacking struct {
	codec Codec
	value Value
	data  []byte
}

// InPieces reports whether the value is stored in pieces.
func (v Value) InPieces() bool { return v.Encoding == inPieces || v.Encoding == namedPieces }

// UnpackPieces begins to put together a value of a size. Its pieces follow by Add.
func (c Codec) UnpackPieces(v Value, size int64) *Unpacking {
	return &Unpacking{c, v, make([]byte, 0, min(max(size, 0), protocol.MaxValue))}
}

// Add adds the next piece, which it does not keep.
func (u *Unpacking) Add(piece Piece) (err error) {
	switch {
	case piece.Encoding == plain && len(u.data)+len(piece.Data) <= protocol.MaxValue:
		u.data = append(u.data, piece.Data...)
	case piece.Encoding == compressed:
		u.data, err = u.codec.decoder.DecodeAll(piece.Data, u.data)
	default:
		err = fmt.Errorf("unknown encoding %q, or too many bytes", piece.Encoding)
	}
	if err != nil {
		return fmt.Errorf("cannot read a piece of value %.12s: %w", u.value.Hash, err)
	}
	return nil
}

// Data returns the value.
func (u *Unpacking) Data() ([]byte, error) {
	if u.value.Encoding == inPieces && protocol.RefOf(u.data).Hash != u.value.Hash {
		return nil, fmt.Errorf("value %.12s does not match its hash", u.value.Hash)
	}
	return u.data, nil
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
