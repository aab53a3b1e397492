// Package images makes images that any model server can read from those that people have.
package images

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/documents"
	"golang.org/x/image/bmp"
	"golang.org/x/image/draw"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

// Formats names the supported formats.
const Formats = "the formats are PNG, JPEG, WebP, GIF, BMP and TIFF"

// An image takes 4 bytes of memory for each pixel when it is decoded, or 8 if its colors have 16 bits.
const (
	maxSide   = 30_000
	maxPixels = 64_000_000 // Of 8 bits; half as many of 16 bits.
)

// decoding bounds how many images are decoded at once, in the whole process: each of them takes a processor, and much memory.
var decoding = make(chan struct{}, runtime.NumCPU())

// Problem is why an image cannot be used.
type Problem struct {
	Text, Hint string // Text follows the name of the image: "is empty".
	NotImage   bool   // It is something else than an image.
}

func (p *Problem) Error() string { return p.Text }

// format is how images of a format are decoded.
type format struct {
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
	sent   bool // Every server reads it.
	lossy  bool // As most photos are.
}

var formats = map[string]format{
	"image/png":  {config: png.DecodeConfig, decode: png.Decode, sent: true},
	"image/jpeg": {config: jpeg.DecodeConfig, decode: jpeg.Decode, sent: true, lossy: true},
	"image/webp": {config: webp.DecodeConfig, decode: webp.Decode, lossy: true},
	"image/gif":  {config: gif.DecodeConfig, decode: gif.Decode},
	"image/bmp":  {config: bmp.DecodeConfig, decode: bmp.Decode},
	"image/tiff": {config: tiff.DecodeConfig, decode: tiff.Decode},
}

// Prepare returns an image as PNG or JPEG, upright as its EXIF orientation says, and no larger than so many pixels in width and
// height; 0 is no limit. A PNG or JPEG that needs no change is returned as it is. The error is a *Problem.
func Prepare(data []byte, largest int) ([]byte, error) {
	kind := kindOf(data)
	if err := unsupported(data, kind); err != nil {
		return nil, err
	}
	of := formats[kind]
	config, err := of.config(bytes.NewReader(data))
	if err != nil {
		return asIs(data, err)
	}
	if err := checkSize(config); err != nil {
		return nil, err
	}
	decoding <- struct{}{}
	defer func() { <-decoding }()
	decoded, err := of.decode(bytes.NewReader(data))
	if err != nil {
		return asIs(data, err)
	}
	turn := orientation(data, kind)
	size := decoded.Bounds().Size() // Of a GIF that of its first frame, which may be smaller than the image.
	larger := largest > 0 && max(size.X, size.Y) > largest
	if of.sent && turn == upright && !larger {
		return data, nil
	}
	if larger {
		decoded = scale(decoded, largest)
	}
	return encode(turned(decoded, turn), of.lossy)
}

// Size is the width and height of an image; empty if they cannot be read.
func Size(data []byte) string {
	of, known := formats[kindOf(data)]
	if !known {
		return ""
	}
	config, err := of.config(bytes.NewReader(data))
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%d × %d", config.Width, config.Height)
}

// checkSize checks that an image is not too large to be decoded.
func checkSize(config image.Config) error {
	text, most := fmt.Sprintf("has %d × %d pixels", config.Width, config.Height), maxPixels
	switch config.ColorModel {
	case color.RGBA64Model, color.NRGBA64Model, color.Gray16Model:
		text, most = text+" of 16 bits", maxPixels/2
	}
	switch {
	case config.Width <= 0 || config.Height <= 0:
		return &Problem{Text: "is broken: it " + text}
	case max(config.Width, config.Height) > maxSide:
		return &Problem{Text: fmt.Sprintf("%s, and the limit of each side is %d", text, maxSide), Hint: "scale it down"}
	case config.Width*config.Height > most:
		return &Problem{Text: fmt.Sprintf("%s, and the limit is %d million", text, most/1_000_000), Hint: "scale it down"}
	}
	return nil
}

// kindOf detects the format by the first bytes.
func kindOf(data []byte) string {
	if bytes.HasPrefix(data, []byte("II*\x00")) || bytes.HasPrefix(data, []byte("MM\x00*")) {
		return "image/tiff"
	}
	return http.DetectContentType(data)
}

// brands are the formats in the container of ISO/IEC 14496-12 by their brands, of which a file may name several: those that say most
// come first.
var brands = []struct {
	format string
	names  []string
}{
	{"AVIF", []string{"avif", "avis"}},
	{"HEIC", []string{"heic", "heix", "hevc", "hevx", "heim", "heis", "mif1", "msf1"}},
}

// otherFormats are formats that have no decoder here, by the bytes that they begin with.
var otherFormats = []struct{ format, begins string }{
	{"JPEG XL", "\xff\x0a"}, {"JPEG XL", "\x00\x00\x00\x0cJXL "}, {"JPEG 2000", "\x00\x00\x00\x0cjP  "}, {"JPEG 2000", "\xff\x4f\xff\x51"}, {"SVG", "<svg"},
}

// formatOf names the format of an image that has no decoder here; empty if it is not known.
func formatOf(data []byte) string {
	const boxSize, brandSize, most = 4, 4, 256
	if len(data) > 2*boxSize && string(data[boxSize:2*boxSize]) == "ftyp" {
		end := min(int(binary.BigEndian.Uint32(data)), len(data), most)
		for _, brand := range brands {
			for at := 2 * boxSize; at+brandSize <= end; at += brandSize {
				if slices.Contains(brand.names, string(data[at:at+brandSize])) {
					return brand.format
				}
			}
		}
	}
	for _, other := range otherFormats {
		if bytes.HasPrefix(data, []byte(other.begins)) || other.format == "SVG" && bytes.HasPrefix(data, []byte("<?xml")) && bytes.Contains(data, []byte(other.begins)) {
			return other.format
		}
	}
	return ""
}

// conversions are hints for formats, by their names.
var conversions = map[string]string{
	"HEIC": "convert it to JPEG: `magick photo.heic photo.jpg`; on macOS `sips -s format jpeg`",
	"AVIF": "convert it to JPEG: `magick photo.avif photo.jpg`; on macOS `sips -s format jpeg`",
}

func unsupported(data []byte, kind string) error {
	if len(bytes.TrimSpace(data)) == 0 {
		return &Problem{Text: "is empty"}
	}
	if format := formatOf(data); format != "" {
		return &Problem{Text: "is " + format + ", which is not supported", Hint: cmp.Or(conversions[format], "convert it to PNG")}
	}
	const flagsAt, animated = 20, 2
	if kind == "image/webp" && len(data) > flagsAt && string(data[12:16]) == "VP8X" && data[flagsAt]&animated != 0 {
		return &Problem{Text: "is an animated WebP, which is not supported", Hint: "convert one of its frames to PNG"}
	}
	_, known := formats[kind]
	switch {
	case known:
		return nil
	case strings.HasPrefix(kind, "image/"):
		return &Problem{Text: "is " + kind + ", which is not supported", Hint: Formats}
	}
	return &Problem{Text: "is not an image: it looks like " + cmp.Or(documents.FormatOf(data), kind), Hint: Formats, NotImage: true}
}

// asIs returns a JPEG of a kind that is valid but cannot be decoded here. Of other formats, such a kind is unsupported, and whatever
// else cannot be decoded is broken.
func asIs(data []byte, err error) ([]byte, error) {
	if _, is := errors.AsType[jpeg.UnsupportedError](err); is {
		return data, nil
	}
	if _, is := errors.AsType[tiff.UnsupportedError](err); is {
		return nil, &Problem{Text: "is a TIFF of a kind that is not supported: " + err.Error(), Hint: "convert it to PNG"}
	}
	if errors.Is(err, bmp.ErrUnsupported) {
		return nil, &Problem{Text: "is a BMP of a kind that is not supported", Hint: "convert it to PNG"}
	}
	return nil, &Problem{Text: "is broken: " + err.Error()}
}

// scale scales down an image: it is halved until it is less than twice as large as it may be. The scaler takes the mean of four
// pixels, so that no pixel is left out; better ones take seconds for a photo.
func scale(from image.Image, largest int) image.Image {
	size := from.Bounds().Size()
	of := max(size.X, size.Y)
	target := image.Pt(max(size.X*largest/of, 1), max(size.Y*largest/of, 1))
	for size != target {
		if size = size.Div(2); size.X < target.X || size.Y < target.Y {
			size = target
		}
		to := image.NewRGBA(image.Rectangle{Max: size})
		draw.ApproxBiLinear.Scale(to, to.Bounds(), from, from.Bounds(), draw.Src, nil)
		from = to
	}
	return from
}

// quality is that of JPEGs: there is no visible loss.
const quality = 92

func encode(from image.Image, lossy bool) ([]byte, error) {
	var file bytes.Buffer
	opaque, can := from.(interface{ Opaque() bool })
	var err error
	if lossy && can && opaque.Opaque() {
		err = jpeg.Encode(&file, from, &jpeg.Options{Quality: quality})
	} else {
		err = png.Encode(&file, from)
	}
	if err != nil {
		return nil, &Problem{Text: "cannot be converted: " + err.Error()}
	}
	return file.Bytes(), nil
}
