package sqlite

import (
	"fmt"

	"github.com/klauspost/compress/zstd"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// The encodings, as the file names them.
const (
	plain      = "plain"
	compressed = "zstd"
)

// smallest is the size in bytes from which compressing a value is worth its time.
const smallest = 512

// content is a value as it lies in the file.
type content struct {
	hash     string
	encoding string
	data     []byte
}

// codec packs and unpacks values, for many goroutines at once. It works in theirs alone and is never closed: a decoder
// that is closed while it decodes panics.
type codec struct {
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

func newCodec() (codec, error) {
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		return codec{}, err
	}
	// More than the largest value can only come from a damaged file.
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(protocol.MaxValue))
	if err != nil {
		return codec{}, err
	}
	return codec{encoder, decoder}, nil
}

func (c codec) pack(data []byte) content {
	packed := content{protocol.RefOf(data).Hash, plain, data}
	if data == nil {
		packed.data = []byte{} // A nil slice would be NULL.
	}
	if len(data) < smallest {
		return packed
	}
	if smaller := c.encoder.EncodeAll(data, nil); len(smaller) < len(data) {
		packed.encoding, packed.data = compressed, smaller
	}
	return packed
}

func (c codec) unpack(packed content) ([]byte, error) {
	switch packed.encoding {
	case plain:
		return packed.data, nil
	case compressed:
		data, err := c.decoder.DecodeAll(packed.data, nil)
		if err != nil {
			return nil, fmt.Errorf("the value %.12s cannot be unpacked: %w", packed.hash, err)
		}
		return data, nil
	}
	return nil, fmt.Errorf("the value %.12s has the unknown encoding %q", packed.hash, packed.encoding)
}
