package sqlite

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

const (
	plain      = "plain"
	compressed = "zstd"
	// smallest is the size from which compressing is worth its time.
	smallest = 512
)

// content is a value as it lies in the file.
type content struct {
	hash     string
	encoding string
	data     []byte
}

var encoder = sync.OnceValue(func() *zstd.Encoder {
	made, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic("sqlite: zstd: " + err.Error())
	}
	return made
})

var decoder = sync.OnceValue(func() *zstd.Decoder {
	made, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(protocol.MaxValue+1))
	if err != nil {
		panic("sqlite: zstd: " + err.Error())
	}
	return made
})

func pack(data []byte) content {
	packed := content{protocol.RefOf(data).Hash, plain, data}
	if len(data) < smallest {
		return packed
	}
	if smaller := encoder().EncodeAll(data, nil); len(smaller) < len(data) {
		packed.encoding, packed.data = compressed, smaller
	}
	return packed
}

func unpack(c content) ([]byte, error) {
	switch c.encoding {
	case plain:
		return bytes.Clone(c.data), nil
	case compressed:
		data, err := decoder().DecodeAll(c.data, nil)
		if err != nil {
			return nil, fmt.Errorf("the value %.12s is damaged: %w", c.hash, err)
		}
		return data, nil
	}
	return nil, fmt.Errorf("the value %.12s is stored as %q, which this program does not know", c.hash, c.encoding)
}
