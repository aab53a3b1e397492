package llm

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/documents"
	"github.com/gleitzeit/gleitzeit/internal/documents/reader"

	"github.com/gleitzeit/gleitzeit/activities/llm/images"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// maxImage is the maximum size of an image in bytes: beyond what cameras produce, and what a request should contain.
const maxImage = 32 << 20

// fileFormats names the formats of files: a PDF document is sent as images of its pages.
const fileFormats = images.Formats + "; a PDF document is sent as images of its pages"

// maxImages is the maximum total size of all images of a call: they are held in memory, and again as base64.
const maxImages = 96 << 20

// defaultImageSize is the maximum width and height of images in pixels, without `max_image_size` of the task or the settings. Models
// scale down what is larger.
const defaultImageSize = 2048

// imageSize reads the maximum width and height of images; 0 is no limit.
func imageSize(given value.Value, b *backend) (largest int, err error) {
	size, is := given.Get("max_image_size")
	if !is {
		return max(cmp.Or(b.settings.MaxImageSize, defaultImageSize), 0), nil // NoLimit is below 0.
	}
	if json.Unmarshal(size.JSON(), &largest) != nil || largest < 0 {
		return 0, protocol.Errorf(protocol.InvalidParams, "max_image_size must be a number of pixels, not %s", size.JSON())
	}
	return largest, nil
}

// preparedImages are the images of a call as they are sent. They are read before the call waits for a server, and once: it takes long to
// decode them, and they are small then.
type preparedImages struct {
	given    [][]byte   // Outside `messages`.
	messages [][][]byte // Of each of `messages`.
}

func prepareImages(ctx context.Context, request protocol.Request, b *backend) (*preparedImages, error) {
	largest, err := imageSize(request.Parameters, b)
	if err != nil {
		return nil, err
	}
	all := &preparedImages{}
	listed, _ := request.Parameters.Get("messages")
	for _, message := range listed.Elements() {
		encoded, _ := message.Get("images")
		images, err := decodeImages(encoded, largest)
		if err != nil {
			return nil, err
		}
		all.messages = append(all.messages, images)
	}
	all.given, err = readImages(ctx, request, largest)
	return all, err
}

// decodeImages decodes a list of images.
func decodeImages(encoded value.Value, largest int) (images [][]byte, err error) {
	for _, text := range encoded.Elements() {
		image, err := decodeImage(text.Text(), largest)
		if err != nil {
			return nil, err
		}
		images = append(images, image)
	}
	return images, nil
}

// readImages reads the images outside `messages`: `image_path`, `image_paths`, then `images`.
func readImages(ctx context.Context, request protocol.Request, largest int) ([][]byte, error) {
	var all [][]byte
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
		if documents.FormatOf(data) == pdfDocument {
			pages, err := pageImages(ctx, request, path.Text(), data, largest)
			if err != nil {
				return nil, err
			}
			if all = append(all, pages...); totalSize(all) > maxImages {
				return nil, tooManyImages()
			}
			continue
		}
		image, err := images.Prepare(data, largest)
		if problem, is := errors.AsType[*images.Problem](err); is {
			code := protocol.InvalidParams
			if problem.NotImage {
				code = protocol.TaskValidationFailed
			}
			hint := problem.Hint
			if hint == images.Formats {
				hint = fileFormats
			}
			return nil, protocol.Errorf(code, "file %q %s", path.Text(), problem.Text).WithHint("%s", hint)
		}
		if all = append(all, image); totalSize(all) > maxImages {
			return nil, tooManyImages()
		}
	}
	encoded, _ := request.Parameters.Get("images")
	images, err := decodeImages(encoded, largest)
	return append(all, images...), err
}

// pdfDocument is what documents.FormatOf calls a PDF document.
const pdfDocument = "a PDF document"

// pageImages returns the pages of a PDF document as images: those of `pages`, or all.
func pageImages(ctx context.Context, request protocol.Request, path string, data []byte, largest int) (all [][]byte, err error) {
	options, err := reader.Options(request.Parameters)
	if err != nil {
		return nil, err
	}
	d, err := documents.Read(ctx, path, data, options)
	if err != nil {
		return nil, reader.Failure(path, err)
	}
	if len(d.Parts) > maxRendered {
		return nil, protocol.Errorf(protocol.TaskValidationFailed, "file %q has %d pages, and at most %d are sent as images", path, len(d.Parts), maxRendered).
			WithHint("name the pages to send with `pages`")
	}
	for _, part := range d.Parts {
		page, err := strconv.Atoi(part.Name)
		if err != nil {
			return nil, err
		}
		rendered, err := reader.Render(ctx, path, data, []int{page})
		if err != nil {
			return nil, err
		}
		image, err := images.Prepare(rendered[0], largest)
		if err != nil {
			return nil, err
		}
		all = append(all, image)
	}
	return all, nil
}

// decodeImage decodes base64, or a data: URL of it. An image larger than so many pixels is scaled down.
func decodeImage(text string, largest int) ([]byte, error) {
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
	image, err := images.Prepare(data, largest)
	if problem, is := errors.AsType[*images.Problem](err); is {
		return nil, protocol.Errorf(protocol.InvalidParams, "invalid image: it %s", strings.TrimPrefix(problem.Text, "is not an image: it ")).
			WithHint("%s", problem.Hint)
	}
	return image, nil
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

// namingImages adds to the failure of a call that ended the process of the model how large its images are: some models end at very small
// ones.
func (c *call) namingImages(err error) error {
	var sizes []string
	if c.question != nil {
		for _, m := range c.question.Messages {
			for _, data := range m.Images {
				if size := images.Size(data); size != "" {
					sizes = append(sizes, size)
				}
			}
		}
	}
	if len(sizes) == 0 {
		return err
	}
	failure := *protocol.AsError(err, protocol.TaskExecutionFailed)
	failure.Message += "; its images have " + strings.Join(sizes, ", ") + " pixels"
	return &failure
}
