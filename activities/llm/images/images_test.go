package images_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/color/palette"
	"image/gif"
	"image/jpeg"
	"image/png"
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/draw"
	"golang.org/x/image/tiff"

	"github.com/gleitzeit/gleitzeit/activities/llm/images"
)

// corners draws an image whose top left is red, top right green, and bottom left blue.
func corners(width, height int) *image.RGBA {
	drawn := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			c := color.RGBA{A: 255}
			switch {
			case x < width/2 && y < height/2:
				c.R = 255
			case x >= width/2 && y < height/2:
				c.G = 255
			case x < width/2:
				c.B = 255
			}
			drawn.SetRGBA(x, y, c)
		}
	}
	return drawn
}

// seen says which color is in the corners of an image: top left, top right, bottom left, bottom right.
func seen(t *testing.T, data []byte) string {
	t.Helper()
	decoded, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	b := decoded.Bounds()
	var names []string
	for _, at := range []image.Point{{b.Min.X, b.Min.Y}, {b.Max.X - 1, b.Min.Y}, {b.Min.X, b.Max.Y - 1}, {b.Max.X - 1, b.Max.Y - 1}} {
		name := "black"
		const much = 0x8000
		switch r, g, b, _ := decoded.At(at.X, at.Y).RGBA(); {
		case r > much:
			name = "red"
		case g > much:
			name = "green"
		case b > much:
			name = "blue"
		}
		names = append(names, name)
	}
	return fmt.Sprintf("%d×%d %s", b.Dx(), b.Dy(), strings.Join(names, " "))
}

func encoded(t *testing.T, kind string, drawn image.Image) []byte {
	t.Helper()
	var file bytes.Buffer
	err := map[string]func() error{
		"png":  func() error { return png.Encode(&file, drawn) },
		"jpeg": func() error { return jpeg.Encode(&file, drawn, &jpeg.Options{Quality: 95}) },
		"gif":  func() error { return gif.Encode(&file, drawn, nil) },
		"bmp":  func() error { return bmp.Encode(&file, drawn) },
		"tiff": func() error { return tiff.Encode(&file, drawn, nil) },
	}[kind]()
	if err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func TestFormats(t *testing.T) {
	for kind, becomes := range map[string]string{"png": "image/png", "jpeg": "image/jpeg", "gif": "image/png", "bmp": "image/png", "tiff": "image/png"} {
		given := encoded(t, kind, corners(32, 16))
		made, err := images.Prepare(given, 2048)
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		if got := http.DetectContentType(made); got != becomes {
			t.Errorf("%s became %s", kind, got)
		}
		if same := bytes.Equal(given, made); same != (kind == "png" || kind == "jpeg") {
			t.Errorf("%s is unchanged: %v", kind, same)
		}
		if got := seen(t, made); got != "32×16 red green blue black" {
			t.Errorf("%s: %s", kind, got)
		}
	}
}

// webpRed is an image of 1 × 1 pixel, lossless.
const webpRed = "RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07\x00"

func TestWebP(t *testing.T) {
	made, err := images.Prepare([]byte(webpRed), 2048)
	if err != nil {
		t.Fatal(err)
	}
	if kind := http.DetectContentType(made); kind != "image/png" && kind != "image/jpeg" {
		t.Errorf("it became %s", kind)
	}
}

// The first frame of a GIF may be smaller than the image: it is not made larger.
func TestSmallFrameOfALargeGIF(t *testing.T) {
	frame := image.NewPaletted(image.Rect(10, 20, 42, 36), palette.Plan9)
	draw.Draw(frame, frame.Rect, corners(32, 16), image.Point{}, draw.Src)
	var file bytes.Buffer
	err := gif.EncodeAll(&file, &gif.GIF{Image: []*image.Paletted{frame}, Delay: []int{0}, Config: image.Config{Width: 3000, Height: 200, ColorModel: frame.Palette}})
	if err != nil {
		t.Fatal(err)
	}
	made, err := images.Prepare(file.Bytes(), 2048)
	if err != nil {
		t.Fatal(err)
	}
	if got := seen(t, made); got != "32×16 red green blue black" {
		t.Error(got)
	}
}

func TestLargeImages(t *testing.T) {
	for _, test := range []struct {
		width, height, largest int
		want                   string
	}{
		{400, 200, 100, "100×50 red green blue black"},
		{200, 400, 100, "50×100 red green blue black"},
		{100, 50, 100, "100×50 red green blue black"},
		{400, 200, 0, "400×200 red green blue black"},
		{400, 2, 100, "100×1 red green red green"},
	} {
		for _, kind := range []string{"png", "jpeg"} {
			made, err := images.Prepare(encoded(t, kind, corners(test.width, test.height)), test.largest)
			if err != nil {
				t.Fatal(err)
			}
			if got := seen(t, made); got != test.want && test.height > 2 {
				t.Errorf("%s of %d×%d, at most %d: %s", kind, test.width, test.height, test.largest, got)
			}
			if kind := "image/" + kind; http.DetectContentType(made) != kind {
				t.Errorf("%s became %s", kind, http.DetectContentType(made))
			}
		}
	}
}

func crc(data []byte) []byte { return binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(data)) }

// exif is EXIF data with an orientation.
func exif(order binary.AppendByteOrder, mark string, orientation uint16) []byte {
	data := order.AppendUint32([]byte(mark), 8)
	data = order.AppendUint16(data, 1)
	data = order.AppendUint16(data, 0x112)
	data = order.AppendUint16(data, 3)
	data = order.AppendUint32(data, 1)
	data = order.AppendUint16(data, orientation)
	return append(data, 0, 0, 0, 0, 0, 0)
}

// The corners of an image that a viewer shows, by the orientation that its EXIF data say.
func TestOrientation(t *testing.T) {
	shown := []string{
		"32×16 red green blue black", "32×16 red green blue black", "32×16 green red black blue", "32×16 black blue green red", "32×16 blue black red green",
		"16×32 red blue green black", "16×32 blue red black green", "16×32 black green blue red", "16×32 green black red blue", "32×16 red green blue black",
	}
	plain := encoded(t, "jpeg", corners(32, 16))
	pngPlain := encoded(t, "png", corners(32, 16))
	for orientation, want := range shown {
		for _, data := range [][]byte{exif(binary.BigEndian, "MM\x00*", uint16(orientation)), exif(binary.LittleEndian, "II*\x00", uint16(orientation))} {
			content := append([]byte("Exif\x00\x00"), data...)
			segment := binary.BigEndian.AppendUint16([]byte{0xff, 0xff, 0xff, 0xe1}, uint16(len(content)+2)) // With bytes that fill.
			photo := append(append(append([]byte{}, plain[:2]...), append(segment, content...)...), plain[2:]...)
			chunk := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
			chunk = append(append(append(chunk, "eXIf"...), data...), crc(append([]byte("eXIf"), data...))...)
			const afterHead = 8 + 25
			picture := append(append(append([]byte{}, pngPlain[:afterHead]...), chunk...), pngPlain[afterHead:]...)
			for kind, given := range map[string][]byte{"jpeg": photo, "png": picture} {
				made, err := images.Prepare(given, 0)
				if err != nil {
					t.Fatalf("%s, orientation %d: %v", kind, orientation, err)
				}
				if got := seen(t, made); got != want {
					t.Errorf("%s, orientation %d: %s, not %s", kind, orientation, got, want)
				}
			}
		}
	}
}

// sized is a PNG whose head says another size, and so many bits for each color.
func sized(whole []byte, width, height uint32, bits byte) []byte {
	data := slices.Clone(whole)
	binary.BigEndian.PutUint32(data[16:], width)
	binary.BigEndian.PutUint32(data[20:], height)
	data[24] = bits
	copy(data[29:], crc(data[12:29]))
	return data
}

// otherTIFF is a TIFF with a compression that the library does not have.
func otherTIFF(t *testing.T) []byte {
	data := encoded(t, "tiff", corners(32, 16))
	compression := []byte{0x03, 0x01, 0x03, 0x00, 0x01, 0x00, 0x00, 0x00}
	at := bytes.LastIndex(data, compression)
	if at < 0 {
		t.Fatal("the image does not say how it is compressed")
	}
	binary.LittleEndian.PutUint16(data[at+len(compression):], 50001) // WebP.
	return data
}

// otherBMP is a BMP with a compression that the library does not have.
func otherBMP(t *testing.T) []byte {
	const compressionAt, runLength = 30, 1
	data := encoded(t, "bmp", corners(32, 16))
	data[compressionAt] = runLength
	return data
}

// No pixel is left out when an image is scaled down, whatever the factor.
func TestScaledImageIsTheMean(t *testing.T) {
	drawn := image.NewGray(image.Rect(0, 0, 1024, 512))
	for i := range drawn.Pix {
		if i%8 == 3 || i%8 == 4 { // A quarter is white.
			drawn.Pix[i] = 255
		}
	}
	for _, largest := range []int{128, 100} {
		made, err := images.Prepare(encoded(t, "png", drawn), largest)
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := png.Decode(bytes.NewReader(made))
		if err != nil {
			t.Fatal(err)
		}
		for x := range largest {
			const quarter, near = 0x4000, 0x1000
			if r, _, _, _ := decoded.At(x, 10).RGBA(); r < quarter-near || r > quarter+near {
				t.Errorf("at most %d: the color at %d is %#x", largest, x, r)
			}
		}
	}
}

func TestProblems(t *testing.T) {
	whole := encoded(t, "png", corners(32, 16))
	huge := sized(whole, 100_000, 100_000, 8)
	for name, test := range map[string]struct {
		data       []byte
		text, hint string
		notImage   bool
	}{
		"empty":     {nil, "is empty", "", false},
		"blank":     {[]byte(" \n"), "is empty", "", false},
		"text":      {[]byte("no image"), "is not an image: it looks like text/plain; charset=utf-8", images.Formats, true},
		"cut":       {whole[:60], "is broken: png: invalid format: not enough pixel data", "", false},
		"cut photo": {encoded(t, "jpeg", corners(64, 64))[:400], "is broken: unexpected EOF", "", false},
		"huge":      {huge, "has 100000 × 100000 pixels, and the limit of each side is 30000", "scale it down", false},
		"long":      {sized(whole, 30_001, 1, 8), "has 30001 × 1 pixels, and the limit of each side is 30000", "scale it down", false},
		"large":     {sized(whole, 8000, 8001, 8), "has 8000 × 8001 pixels, and the limit is 64 million", "scale it down", false},
		"deep":      {sized(whole, 8000, 4001, 16), "has 8000 × 4001 pixels of 16 bits, and the limit is 32 million", "scale it down", false},
		"TIFF":      {otherTIFF(t), "is a TIFF of a kind that is not supported: tiff: unsupported feature: compression value 50001", "convert it to PNG", false},
		"BMP":       {otherBMP(t), "is a BMP of a kind that is not supported", "convert it to PNG", false},
		"HEIC": {[]byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"), "is HEIC, which is not supported",
			"convert it to JPEG: `magick photo.heic photo.jpg`; on macOS `sips -s format jpeg`", false},
		"AVIF": {[]byte("\x00\x00\x00\x18ftypavif\x00\x00\x00\x00mif1avif"), "is AVIF, which is not supported",
			"convert it to JPEG: `magick photo.avif photo.jpg`; on macOS `sips -s format jpeg`", false},
		"HEIC by its second brand": {[]byte("\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1heic"), "is HEIC, which is not supported",
			"convert it to JPEG: `magick photo.heic photo.jpg`; on macOS `sips -s format jpeg`", false},
		"AVIF by its second brand": {[]byte("\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1avif"), "is AVIF, which is not supported",
			"convert it to JPEG: `magick photo.avif photo.jpg`; on macOS `sips -s format jpeg`", false},
		"JPEG XL":   {[]byte("\xff\x0a\xfa\x1f"), "is JPEG XL, which is not supported", "convert it to PNG", false},
		"JPEG 2000": {[]byte("\x00\x00\x00\x0cjP  \r\n\x87\n"), "is JPEG 2000, which is not supported", "convert it to PNG", false},
		"SVG":       {[]byte(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>`), "is SVG, which is not supported", "convert it to PNG", false},
		"icon":      {[]byte("\x00\x00\x01\x00\x01\x00"), "is image/x-icon, which is not supported", images.Formats, false},
		"video":     {[]byte("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"), "is not an image: it looks like an MP4 video", images.Formats, true},
		"animated WebP": {[]byte("RIFF\x20\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00"), "is an animated WebP, which is not supported",
			"convert one of its frames to PNG", false},
	} {
		_, err := images.Prepare(test.data, 2048)
		problem, is := errors.AsType[*images.Problem](err)
		if !is || problem.Text != test.text || problem.Hint != test.hint || problem.NotImage != test.notImage {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever the bytes are, there is an image or a problem.
func FuzzPrepare(f *testing.F) {
	f.Add([]byte(webpRed))
	f.Add([]byte("\xff\xd8\xff\xe1\x00\x08Exif\x00\x00"))
	f.Add([]byte("II*\x00\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if made, err := images.Prepare(data, 64); err == nil && len(made) == 0 {
			t.Error("neither an image nor a problem")
		}
	})
}
