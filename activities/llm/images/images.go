// Package images makes images that any model server can read from those that people have.
package images

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"

	"golang.org/x/image/bmp"
	"golang.org/x/image/draw"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

// Formats names the supported formats.
const Formats = "the formats are PNG, JPEG, WebP, GIF, BMP and TIFF"

// maxPixels is the maximum number of pixels of an image: decoding one takes 4 bytes for each of them.
const maxPixels = 100_000_000

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
	if config.Width*config.Height > maxPixels || config.Width <= 0 || config.Height <= 0 {
		return nil, &Problem{Text: fmt.Sprintf("has %d × %d pixels, and the limit is %d million", config.Width, config.Height, maxPixels/1_000_000), Hint: "scale it down"}
	}
	decoded, err := of.decode(bytes.NewReader(data))
	if err != nil {
		return asIs(data, err)
	}
	turn := orientation(data, kind)
	larger := largest > 0 && max(config.Width, config.Height) > largest
	if of.sent && turn == upright && !larger {
		return data, nil
	}
	if larger {
		decoded = scale(decoded, largest)
	}
	return encode(turned(decoded, turn), of.lossy)
}

// kindOf detects the format by the first bytes.
func kindOf(data []byte) string {
	if bytes.HasPrefix(data, []byte("II*\x00")) || bytes.HasPrefix(data, []byte("MM\x00*")) {
		return "image/tiff"
	}
	return http.DetectContentType(data)
}

// brands are the formats in the container of ISO/IEC 14496-12 by the first brand that they name.
var brands = map[string]string{
	"heic": "HEIC", "heix": "HEIC", "hevc": "HEIC", "hevx": "HEIC", "heim": "HEIC", "heis": "HEIC", "mif1": "HEIC", "msf1": "HEIC", "avif": "AVIF", "avis": "AVIF",
}

func unsupported(data []byte, kind string) error {
	const brandAt, brandEnd = 8, 12
	if len(bytes.TrimSpace(data)) == 0 {
		return &Problem{Text: "is empty"}
	}
	if len(data) > brandEnd && string(data[4:brandAt]) == "ftyp" {
		if name := brands[string(data[brandAt:brandEnd])]; name != "" {
			return &Problem{Text: "is " + name + ", which is not supported",
				Hint: "convert it to JPEG: `magick photo." + map[string]string{"HEIC": "heic", "AVIF": "avif"}[name] + " photo.jpg`; on macOS `sips -s format jpeg`"}
		}
	}
	const flagsAt, animated = 20, 2
	if kind == "image/webp" && len(data) > flagsAt && string(data[12:16]) == "VP8X" && data[flagsAt]&animated != 0 {
		return &Problem{Text: "is an animated WebP, which is not supported", Hint: "convert one of its frames to PNG"}
	}
	if _, is := formats[kind]; !is {
		return &Problem{Text: "is not an image: it looks like " + kind, Hint: Formats, NotImage: true}
	}
	return nil
}

// asIs returns a JPEG of a kind that is valid but cannot be decoded here; anything else that cannot be is broken.
func asIs(data []byte, err error) ([]byte, error) {
	if _, is := errors.AsType[jpeg.UnsupportedError](err); is {
		return data, nil
	}
	return nil, &Problem{Text: "is broken: " + err.Error()}
}

func scale(from image.Image, largest int) image.Image {
	size := from.Bounds().Size()
	of := max(size.X, size.Y)
	to := image.NewRGBA(image.Rect(0, 0, max(size.X*largest/of, 1), max(size.Y*largest/of, 1)))
	draw.CatmullRom.Scale(to, to.Bounds(), from, from.Bounds(), draw.Src, nil)
	return to
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
