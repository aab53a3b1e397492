package llm

import (
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

const (
	// maxText is the maximum size of a text file in bytes: far more than any model reads at once.
	maxText = 8 << 20
	// maxTexts is the maximum total size of all files of a call.
	maxTexts = 32 << 20
)

// textFile is a file whose text goes into a prompt.
type textFile struct {
	path string
	name string // Heading of a file in `files`; empty for `file_path`.
	text string
}

// namesFiles reports whether parameters name text files.
func namesFiles(given value.Value) bool {
	_, one := given.Get("file_path")
	_, several := given.Get("files")
	return one || several
}

// readFiles reads `file_path`, then `files`.
func readFiles(request protocol.Request) ([]textFile, error) {
	var files []textFile
	size := 0
	read := func(path string) error {
		data, err := request.Files.Read(path, maxText)
		if err != nil {
			return err
		}
		if !utf8.Valid(data) {
			return protocol.Errorf(protocol.TaskValidationFailed, "file %q is not UTF-8 text", path).
				WithHint("convert it to UTF-8; use `image_path` for images, with `gleitzeit batch` --vision")
		}
		if strings.TrimSpace(string(data)) == "" {
			return protocol.Errorf(protocol.InvalidParams, "file %q is empty", path)
		}
		if size += len(data); size > maxTexts {
			return protocol.Errorf(protocol.TaskValidationFailed, "the files are larger than %d MiB in total", maxTexts>>20)
		}
		files = append(files, textFile{path: path, text: string(data)})
		return nil
	}
	if path, is := request.Parameters.Get("file_path"); is {
		if err := read(path.Text()); err != nil {
			return nil, err
		}
	}
	listed, _ := request.Parameters.Get("files")
	names := fileNames(listed.Elements())
	for i, path := range listed.Elements() {
		if err := read(path.Text()); err != nil {
			return nil, err
		}
		files[len(files)-1].name = names[i]
	}
	return files, nil
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

// joinFiles joins the texts of files; those of a list get their name as a heading.
func joinFiles(files []textFile) string {
	var parts []string
	for _, file := range files {
		switch {
		case file.name != "":
			parts = append(parts, "# "+file.name+"\n\n"+file.text)
		case file.text != "":
			parts = append(parts, file.text)
		}
	}
	return strings.Join(parts, "\n\n")
}
