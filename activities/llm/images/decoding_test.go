package images

import (
	"bytes"
	"encoding/binary"
	"image"
	"io"
	"testing"
	"testing/synctest"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// However many calls prepare images, no more are decoded at once than there are processors.
func TestImagesDecodedAtOnce(t *testing.T) {
	var file bytes.Buffer
	if err := bmp.Encode(&file, image.NewRGBA(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	const calls = 7
	for atOnce := 1; atOnce <= 3; atOnce++ {
		synctest.Test(t, func(t *testing.T) {
			original, bound := formats["image/bmp"], decoding
			defer func() { formats["image/bmp"], decoding = original, bound }()
			decoding = make(chan struct{}, atOnce)
			begun, goOn := make(chan struct{}, calls), make(chan struct{})
			held := original
			held.decode = func(r io.Reader) (image.Image, error) {
				begun <- struct{}{}
				<-goOn
				return original.decode(r)
			}
			formats["image/bmp"] = held
			ended := make(chan error, calls)
			for range calls {
				go func() {
					_, err := Prepare(file.Bytes(), 0)
					ended <- err
				}()
			}
			for left := calls; left > 0; left-- {
				synctest.Wait()
				if got, want := len(begun)-(calls-left), min(atOnce, left); got != want {
					t.Errorf("%d images are decoded at once, not %d, when %d are left", got, want, left)
				}
				goOn <- struct{}{}
			}
			for range calls {
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}
		})
	}
	if cap(decoding) < 1 {
		t.Error("no image may be decoded")
	}
}

// withOrientation adds an orientation to a TIFF: a copy of its directory with that tag, at the end of the file.
func withOrientation(t *testing.T, plain []byte, orientation uint16) []byte {
	t.Helper()
	const entrySize, tag, short = 12, 0x112, 3
	order := binary.LittleEndian
	at := int(order.Uint32(plain[4:]))
	count := int(order.Uint16(plain[at:]))
	data := bytes.Clone(plain)
	order.PutUint32(data[4:], uint32(len(data)))
	data = order.AppendUint16(data, uint16(count+1))
	added := false
	for i := range count + 1 {
		entry := plain[at+2+i*entrySize:][:entrySize]
		if !added && (i == count || order.Uint16(entry) > tag) {
			data = order.AppendUint16(order.AppendUint16(data, tag), short)
			data = order.AppendUint16(order.AppendUint32(data, 1), orientation)
			data = append(data, 0, 0)
			added = true
		}
		if i < count {
			data = append(data, entry...)
		}
	}
	return append(data, 0, 0, 0, 0)
}

func TestOrientationOfTIFF(t *testing.T) {
	var file bytes.Buffer
	if err := tiff.Encode(&file, image.NewRGBA(image.Rect(0, 0, 32, 16)), nil); err != nil {
		t.Fatal(err)
	}
	for orientation, width := range map[uint16]int{1: 32, 3: 32, 6: 16, 8: 16} {
		made, err := Prepare(withOrientation(t, file.Bytes(), orientation), 0)
		if err != nil {
			t.Fatal(err)
		}
		if config, _, err := image.DecodeConfig(bytes.NewReader(made)); err != nil || config.Width != width {
			t.Errorf("orientation %d: %d × %d, %v", orientation, config.Width, config.Height, err)
		}
	}
}

// The orientation of a WebP is in a chunk after the image, with or without the mark that JPEG has before it.
func TestOrientationOfWebP(t *testing.T) {
	exif := []byte("MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00")
	chunkOf := func(name string, content []byte) []byte {
		made := append(binary.LittleEndian.AppendUint32([]byte(name), uint32(len(content))), content...)
		return append(made, make([]byte, len(content)%2)...)
	}
	for _, mark := range []string{"", "Exif\x00\x00"} {
		body := append(chunkOf("VP8X", make([]byte, 10)), chunkOf("VP8L", []byte("odd"))...)
		body = append(body, chunkOf("EXIF", append([]byte(mark), exif...))...)
		data := append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body)+4)), append([]byte("WEBP"), body...)...)
		if got := orientation(data, "image/webp"); got != 6 {
			t.Errorf("mark %q: %d", mark, got)
		}
	}
}
