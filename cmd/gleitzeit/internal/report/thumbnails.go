package report

import (
	"bytes"
	"encoding/base64"
	"html/template"
	"image"
	"image/draw"
	"image/jpeg"
	_ "image/png" // For the images that are prepared.
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm/images"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Limits of thumbnails.
const (
	thumbnailSize   = 96       // Pixels of the longer side.
	thumbnailJPEG   = 72       // Quality.
	maxThumbnails   = 1_000    // In one report.
	maxImageFile    = 24 << 20 // Bytes of a file that is read.
	maxThumbnailSum = 8 << 20  // Bytes of all of them.
)

// imageEndings are those of files that may be images.
var imageEndings = map[string]bool{".png": true, ".jpg": true, ".jpeg": true, ".webp": true, ".gif": true, ".bmp": true, ".tif": true, ".tiff": true}

// thumbnails makes small images of files, until there are enough of them.
type thumbnails struct{ count, bytes int }

// of returns the thumbnail of a file as the item had it that started then; of an image without one, why there is none.
func (t *thumbnails) of(path string, started time.Time) (template.URL, string) {
	if raw, escaped := value.UnescapeInvalid(path); escaped {
		path = raw
	}
	if !imageEndings[strings.ToLower(filepath.Ext(path))] {
		return "", ""
	}
	if t.count >= maxThumbnails || t.bytes >= maxThumbnailSum {
		return "", "not shown: there are many"
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", "the file is gone"
	case !info.Mode().IsRegular():
		return "", "not a regular file"
	case info.ModTime().After(started):
		return "", "the file has changed since"
	case info.Size() > maxImageFile:
		return "", "the file is large"
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", "the file cannot be read"
	}
	small, err := thumbnail(data)
	if err != nil {
		return "", "not an image that can be shown"
	}
	t.count++
	t.bytes += len(small)
	// Made by this program: a JPEG, in base64.
	return template.URL("data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(small)), ""
}

// thumbnail returns a small JPEG of an image. It is always made anew: what else is in the file does not get into a report.
func thumbnail(data []byte) ([]byte, error) {
	small, err := images.Prepare(data, thumbnailSize)
	if err != nil {
		return nil, err
	}
	decoded, _, err := image.Decode(bytes.NewReader(small))
	if err != nil {
		return nil, err
	}
	var made bytes.Buffer
	if err := jpeg.Encode(&made, onWhite(decoded), &jpeg.Options{Quality: thumbnailJPEG}); err != nil {
		return nil, err
	}
	return made.Bytes(), nil
}

// onWhite returns an image without transparency.
func onWhite(from image.Image) image.Image {
	to := image.NewRGBA(image.Rectangle{Max: from.Bounds().Size()})
	draw.Draw(to, to.Bounds(), image.White, image.Point{}, draw.Src)
	draw.Draw(to, to.Bounds(), from, from.Bounds().Min, draw.Over)
	return to
}
