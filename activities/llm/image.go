package llm

import (
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// maxImage is the maximum size of an image in bytes: beyond what cameras produce, and what a request should contain.
const maxImage = 32 << 20

// maxImages is the maximum total size of all images of a call: they are held in memory, and again as base64.
const maxImages = 96 << 20

// formats are the supported image formats, detected by the first bytes.
var formats = map[string]bool{"image/png": true, "image/jpeg": true, "image/webp": true, "image/gif": true, "image/bmp": true}

const formatsSaid = "the formats are PNG, JPEG, WebP, GIF and BMP"

// readImages reads the images outside `messages`: `image_path`, `image_paths`, then `images`.
func readImages(request protocol.Request) ([][]byte, error) {
	var images [][]byte
	var paths []value.Value
	if path, is := request.Parameters.Get("image_path"); is {
		paths = append(paths, path)
	}
	more, _ := request.Parameters.Get("image_paths")
	for _, path := range append(paths, more.Elements()...) {
		data, err := request.Files.Read(path.Text(), maxImage)
		if err != nil {
			return nil, err
		}
		if !isImage(data) {
			return nil, protocol.Errorf(protocol.TaskValidationFailed, "file %q is not an image: it looks like %s", path.Text(), http.DetectContentType(data)).
				WithHint(formatsSaid)
		}
		if images = append(images, data); totalSize(images) > maxImages {
			return nil, tooManyImages()
		}
	}
	encoded, _ := request.Parameters.Get("images")
	for _, text := range encoded.Elements() {
		image, err := decodeImage(text.Text())
		if err != nil {
			return nil, err
		}
		images = append(images, image)
	}
	return images, nil
}

func isImage(data []byte) bool { return formats[http.DetectContentType(data)] }

// decodeImage decodes base64, or a data: URL of it.
func decodeImage(text string) ([]byte, error) {
	if rest, is := strings.CutPrefix(text, "data:"); is {
		kind, encoded, found := strings.Cut(rest, ",")
		if !found || !strings.HasSuffix(kind, ";base64") {
			return nil, protocol.Errorf(protocol.InvalidParams, "invalid image: the data: URL is not base64: %.40q", text)
		}
		text = encoded
	}
	data, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return nil, protocol.Errorf(protocol.InvalidParams, "invalid image: %v", err).
			WithHint("use `image_path` for the path of a file")
	}
	if !isImage(data) {
		return nil, protocol.Errorf(protocol.InvalidParams, "invalid image: it looks like %s", http.DetectContentType(data)).
			WithHint(formatsSaid)
	}
	return data, nil
}

func totalSize(images [][]byte) int {
	size := 0
	for _, image := range images {
		size += len(image)
	}
	return size
}

func tooManyImages() error {
	return protocol.Errorf(protocol.TaskValidationFailed, "the images are larger than %d MiB in total", maxImages>>20).
		WithHint("use smaller images: models scale them down")
}
