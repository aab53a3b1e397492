package llm

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/activities/llm/document"
	"github.com/gleitzeit/gleitzeit/activities/llm/images"
	"github.com/gleitzeit/gleitzeit/activities/split"
	"github.com/gleitzeit/gleitzeit/internal/documents"
	"github.com/gleitzeit/gleitzeit/internal/documents/reader"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

const (
	// maxText is the maximum size of the text of a file in bytes: far more than any model reads at once.
	maxText = 8 << 20
	// maxTexts is the maximum total size of the texts of all files of a call.
	maxTexts = 32 << 20
	// maxKept is the maximum size of a text that is kept while a call waits.
	maxKept = 1 << 20
	// maxRendered is the maximum number of pages of a call that are sent as images.
	maxRendered = 64
)

// The values of `on_no_text`.
const (
	noTextFails  = "fail"
	noTextVision = "vision"
)

// attachments are what is sent of the files in `file_path` and `files`.
type attachments struct {
	texts    []document.File
	parts    [][]documents.Part // Of each text.
	images   [][]byte           // Of pages without text.
	shown    [][]split.Image    // What they are of, of each text.
	warnings []string
}

// files reads the files of a call. Text files are read anew for each request, so that waiting calls do not hold them in memory. What
// takes long to read is read before the call waits for a server, and kept if it is small.
type files struct {
	request protocol.Request
	reader  *reader.Reader
	largest int // Maximum width and height of images in pixels; 0 is no limit.
	kept    map[string]attachment
	// withoutImages leaves out the images of pages without text.
	withoutImages bool
}

// attachment is what is sent of one file.
type attachment struct {
	text     string
	parts    []documents.Part
	images   [][]byte
	shown    []split.Image
	warnings []string
}

// isQuick reports whether a file is read at once, as far as its name says.
func (f *files) isQuick(path string) bool {
	format := reader.FormatByName(path)
	return f.reader.Converter(path) == nil && (format == "" || slices.Contains(textFormats, format))
}

// textFormats are the formats that are text already.
var textFormats = []string{"text", "markdown", "csv"}

// prepare reads the files that take long.
func (f *files) prepare(ctx context.Context) error {
	if f.request.Document != "" {
		return f.prepareImages(ctx)
	}
	for _, path := range f.paths() {
		if _, is := f.kept[path]; is || f.isQuick(path) {
			continue
		}
		read, err := f.readFile(ctx, path)
		if err != nil {
			return err
		}
		if len(read.text)+totalSize(read.images) > maxKept {
			continue
		}
		if f.kept == nil {
			f.kept = map[string]attachment{}
		}
		f.kept[path] = read
	}
	return nil
}

// paths returns `file_path`, then `files`.
func (f *files) paths() (paths []string) {
	if path, is := f.request.Parameters.Get("file_path"); is {
		paths = append(paths, path.Text())
	}
	listed, _ := f.request.Parameters.Get("files")
	for _, path := range listed.Elements() {
		paths = append(paths, path.Text())
	}
	return paths
}

// namesFiles reports whether parameters name files.
func namesFiles(given value.Value) bool {
	_, one := given.Get("file_path")
	_, several := given.Get("files")
	return one || several
}

// read reads `file_path`, then `files`.
func (f *files) read(ctx context.Context) (all attachments, err error) {
	if f.request.Document != "" {
		all = instead(f.request)
		all.images, err = f.chunkImages(ctx)
		return all, err
	}
	listed, _ := f.request.Parameters.Get("files")
	names, size := fileNames(listed.Elements()), 0
	paths := f.paths()
	for i, path := range paths {
		read, is := f.kept[path]
		if !is {
			if read, err = f.readFile(ctx, path); err != nil {
				return all, err
			}
		}
		if size += len(read.text); size > maxTexts {
			return all, protocol.Errorf(protocol.TaskValidationFailed, "the files are larger than %d MiB in total", maxTexts>>20)
		}
		file := document.File{Path: path, Text: read.text}
		if of := i - (len(paths) - len(names)); of >= 0 {
			file.Name = names[of]
		}
		all.texts = append(all.texts, file)
		all.parts, all.shown = append(all.parts, read.parts), append(all.shown, read.shown)
		all.images = append(all.images, read.images...)
		all.warnings = append(all.warnings, read.warnings...)
		if len(all.images) > maxRendered {
			return all, tooManyPages()
		}
	}
	return all, nil
}

// chunkImages returns the images of the pages without text that belong to a chunk.
func (f *files) chunkImages(ctx context.Context) (all [][]byte, err error) {
	if len(f.request.Images) > maxRendered {
		return nil, tooManyPages()
	}
	if read, is := f.kept[ofChunk]; is {
		return read.images, nil
	}
	paths, pages := f.paths(), map[int][]int{}
	for _, image := range f.request.Images {
		pages[image.File] = append(pages[image.File], image.Page)
	}
	for _, i := range slices.Sorted(maps.Keys(pages)) {
		data, err := f.request.Files.Read(paths[i], reader.MaxFile)
		if err != nil {
			return nil, err
		}
		var d documents.Document
		if pages[i][0] == 0 {
			options, err := reader.Options(f.request.Parameters)
			if err != nil {
				return nil, err
			}
			options.Limits.Text, options.Images = maxText, true
			if d, err = f.reader.ReadData(ctx, paths[i], data, options); err != nil {
				return nil, err
			}
		}
		made, err := f.imagesOf(ctx, paths[i], data, &d, pages[i])
		if err != nil {
			return nil, err
		}
		all = append(all, made...)
	}
	return all, nil
}

// ofChunk is the key under which the images of a chunk are kept: no file has an empty path.
const ofChunk = ""

// prepareImages makes the images of a chunk, and keeps them if they are small.
func (f *files) prepareImages(ctx context.Context) error {
	if _, is := f.kept[ofChunk]; is || len(f.request.Images) == 0 {
		return nil
	}
	made, err := f.chunkImages(ctx)
	if err == nil && totalSize(made) <= maxKept {
		f.kept = map[string]attachment{ofChunk: {images: made}}
	}
	return err
}

// instead returns what a request has in place of its files: a chunk of them.
func instead(request protocol.Request) attachments {
	paths := (&files{request: request}).paths()
	if len(paths) == 0 {
		paths = []string{""}
	}
	return attachments{texts: []document.File{{Path: paths[0], Text: request.Document}}, parts: [][]documents.Part{nil}}
}

func tooManyPages() error {
	return protocol.Errorf(protocol.TaskValidationFailed, "the files have more than %d pages without text", maxRendered).
		WithHint("name the pages to send as images with `pages`")
}

// readFile reads one file.
func (f *files) readFile(ctx context.Context, path string) (read attachment, err error) {
	options, err := reader.Options(f.request.Parameters)
	if err != nil {
		return read, err
	}
	options.Limits.Text = maxText
	vision := text(f.request.Parameters, "on_no_text") == noTextVision
	options.Images = vision
	data, err := f.request.Files.Read(path, reader.MaxFile)
	if err != nil {
		return read, err
	}
	d, err := f.reader.ReadData(ctx, path, data, options)
	if err != nil {
		return read, err
	}
	read.text, read.parts, read.warnings = d.Text(), d.Parts, reader.Warnings(path, d.Warnings)
	if vision {
		read.shown = f.shownOf(path, &d)
		read.warnings = reader.Warnings(path, d.Warnings)
	}
	if d.Empty() && len(read.shown) == 0 {
		return read, noText(path, d, !vision && f.request.Method != Embed)
	}
	if f.withoutImages || len(read.shown) == 0 {
		return read, nil
	}
	pages := make([]int, len(read.shown))
	for i, image := range read.shown {
		pages[i] = image.Page
	}
	read.images, err = f.imagesOf(ctx, path, data, &d, pages)
	return read, err
}

// noText is the failure of a document without text.
func noText(path string, d documents.Document, mayRender bool) error {
	failure := protocol.Errorf(protocol.InvalidParams, "file %q is empty", path)
	if !slices.Contains(textFormats, d.Format) {
		failure = protocol.Errorf(protocol.TaskValidationFailed, "file %q has no text", path)
		if mayRender {
			return failure.WithHint("if it is a scan, `on_no_text: vision` sends its pages as images to a model that accepts them")
		}
	}
	return failure
}

// shownOf returns what has no text in a document and is sent as images: the pages of a PDF document, else all pictures of the document.
// Warnings about these pages are dropped.
func (f *files) shownOf(path string, d *documents.Document) (shown []split.Image) {
	if d.Format != "pdf" || f.reader.Converter(path) != nil {
		if d.Empty() && len(d.Images) > 0 {
			shown = []split.Image{{}}
		}
		return shown
	}
	for i, part := range d.Parts {
		page, err := strconv.Atoi(part.Name)
		if err == nil && strings.TrimSpace(part.Text) == "" {
			shown = append(shown, split.Image{Part: i, Page: page})
			d.Warnings = slices.DeleteFunc(d.Warnings, func(warning string) bool { return warning == fmt.Sprintf("page %d has no text", page) })
		}
	}
	return shown
}

// imagesOf returns the images of pages of a PDF document; page 0 is all pictures of a document.
func (f *files) imagesOf(ctx context.Context, path string, data []byte, d *documents.Document, pages []int) (all [][]byte, err error) {
	var found [][]byte
	if pages[0] == 0 {
		for _, image := range d.Images {
			found = append(found, image.Data)
		}
	} else {
		if len(pages) > maxRendered {
			return nil, tooManyPages()
		}
		if found, err = reader.Render(ctx, path, data, pages); err != nil {
			return nil, err
		}
	}
	for _, image := range found {
		prepared, err := images.Prepare(image, f.largest)
		if err != nil {
			return nil, reader.Failure(path, &documents.Problem{Text: "has a picture that cannot be sent: it " + err.Error()})
		}
		all = append(all, prepared)
	}
	return all, nil
}

// fileNames are the names of files as the model gets them: the base names, or the whole path where two are the same.
func fileNames(paths []value.Value) []string {
	count := map[string]int{}
	for _, path := range paths {
		count[filepath.Base(path.Text())]++
	}
	names := make([]string, len(paths))
	for i, path := range paths {
		names[i] = filepath.Base(path.Text())
		if count[names[i]] > 1 {
			names[i] = path.Text()
		}
	}
	return names
}
