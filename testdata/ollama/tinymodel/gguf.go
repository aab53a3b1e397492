package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
)

// GGUF v3, little endian:
//
//	"GGUF" u32 version=3  u64 nTensors  u64 nKV
//	nKV  x { str key; u32 type; value }          str = u64 len + bytes
//	nTns x { str name; u32 nDims; u64 dims[]; u32 ggmlType; u64 offset }
//	zero padding to 32; tensor data, each tensor padded to 32
//
// value types: 4=u32 5=i32 6=f32 7=bool 8=string 9=array(u32 elemType, u64 n, elems) 10=u64
type kv struct {
	key string
	val any
}

type tensor struct {
	name string
	dims []uint64 // In ggml's order: the first is the fastest, the input size of a linear layer.
	data []float32
}

type file struct {
	kvs     []kv
	tensors []tensor
}

func (f *file) set(key string, val any) { f.kvs = append(f.kvs, kv{key, val}) }

func (f *file) add(name string, data []float32, dims ...uint64) {
	n := uint64(1)
	for _, d := range dims {
		n *= d
	}
	if uint64(len(data)) != n {
		panic(fmt.Sprintf("%s: %d values for dims %v", name, len(data), dims))
	}
	f.tensors = append(f.tensors, tensor{name: name, dims: dims, data: data})
}

func (f *file) write(path string) error {
	var h bytes.Buffer
	le := func(v any) { binary.Write(&h, binary.LittleEndian, v) }
	str := func(s string) { le(uint64(len(s))); h.WriteString(s) }
	h.WriteString("GGUF")
	le(uint32(3))
	le(uint64(len(f.tensors)))
	le(uint64(len(f.kvs)))
	for _, e := range f.kvs {
		str(e.key)
		switch v := e.val.(type) {
		case uint32:
			le(uint32(4))
			le(v)
		case float32:
			le(uint32(6))
			le(v)
		case bool:
			le(uint32(7))
			le(v)
		case string:
			le(uint32(8))
			str(v)
		case []string:
			le(uint32(9))
			le(uint32(8))
			le(uint64(len(v)))
			for _, s := range v {
				str(s)
			}
		case []int32:
			le(uint32(9))
			le(uint32(5))
			le(uint64(len(v)))
			le(v)
		case []float32:
			le(uint32(9))
			le(uint32(6))
			le(uint64(len(v)))
			le(v)
		default:
			return fmt.Errorf("%s: no GGUF type for %T", e.key, e.val)
		}
	}
	pad := func(n uint64) uint64 { return (n + 31) &^ 31 }
	size := func(t tensor) uint64 {
		return uint64(len(t.data)) * 4
	}
	off := uint64(0)
	for _, t := range f.tensors {
		str(t.name)
		le(uint32(len(t.dims)))
		for _, d := range t.dims {
			le(d)
		}
		le(uint32(0)) // 32-bit floats.
		le(off)
		off = pad(off + size(t))
	}
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(out, 1<<20)
	zero := make([]byte, 32)
	hl := uint64(h.Len())
	w.Write(h.Bytes())
	w.Write(zero[:pad(hl)-hl])
	for _, t := range f.tensors {
		binary.Write(w, binary.LittleEndian, t.data)
		w.Write(zero[:pad(size(t))-size(t)])
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return out.Close()
}

// byteTokens are the 256 tokens of a byte-level BPE vocabulary (GPT-2's
// byte-to-unicode table): with them any text tokenizes, with no merges at all.
func byteTokens() []string {
	toks := make([]string, 256)
	n := rune(0)
	for b := rune(0); b < 256; b++ {
		if b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae && b <= 0xff {
			toks[b] = string(b)
		} else {
			toks[b] = string(256 + n)
			n++
		}
	}
	return toks
}
