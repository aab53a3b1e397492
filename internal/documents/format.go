package documents

import (
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

const pdf = "a PDF document"

// formatNames are the names of formats by their media types.
var formatNames = map[string]string{
	"application/pdf": pdf, "application/postscript": "a PostScript document",
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document":   "a Word document",
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":         "an Excel workbook",
	"application/vnd.openxmlformats-officedocument.presentationml.presentation": "a PowerPoint presentation",
	"application/msword": "a Word document", "application/vnd.ms-excel": "an Excel workbook", "application/vnd.ms-powerpoint": "a PowerPoint presentation",
	"application/x-ole-storage": "an Office document", "application/vnd.ms-outlook": "an Outlook message",
	"application/vnd.oasis.opendocument.text": "an OpenDocument text", "application/vnd.oasis.opendocument.spreadsheet": "an OpenDocument spreadsheet",
	"application/vnd.oasis.opendocument.presentation": "an OpenDocument presentation", "application/epub+zip": "an EPUB book",
	"application/zip": "a ZIP archive", "application/gzip": "a gzip archive", "application/x-tar": "a tar archive", "application/x-7z-compressed": "a 7z archive",
	"application/x-rar-compressed": "a RAR archive", "application/x-xz": "an xz archive", "application/x-bzip2": "a bzip2 archive", "application/zstd": "a Zstandard archive",
	"application/vnd.sqlite3": "an SQLite database", "application/x-elf": "a program", "application/vnd.microsoft.portable-executable": "a Windows program",
	"application/x-mach-binary": "a program", "application/wasm": "a WebAssembly module", "application/x-java-applet": "a Java class", "application/vnd.apache.parquet": "a Parquet file",
	"image/png": "a PNG image", "image/jpeg": "a JPEG image", "image/gif": "a GIF image", "image/webp": "a WebP image", "image/bmp": "a BMP image", "image/tiff": "a TIFF image",
	"image/heic": "an HEIC image", "image/avif": "an AVIF image", "image/jxl": "a JPEG XL image", "image/jp2": "a JPEG 2000 image", "image/vnd.adobe.photoshop": "a Photoshop image",
	"audio/mpeg": "an MP3 file", "audio/wav": "a WAV file", "audio/flac": "a FLAC file", "video/mp4": "an MP4 video", "video/quicktime": "a QuickTime video",
}

// families are names of formats that have none of their own.
var families = []struct{ prefix, name string }{{"image/", "an image"}, {"audio/", "an audio file"}, {"video/", "a video"}, {"font/", "a font"}}

// FormatOf returns the name of a binary format with its article; empty if it is not known. A text can begin as one of them does.
func FormatOf(data []byte) string {
	detected := mimetype.Detect(data)
	for kind := detected; kind != nil; kind = kind.Parent() {
		if name, known := formatNames[kind.String()]; known {
			return name
		}
	}
	kind := detected.String()
	for _, family := range families {
		if strings.HasPrefix(kind, family.prefix) && !detected.Is("image/svg+xml") {
			return family.name + " (" + kind + ")"
		}
	}
	return ""
}

func hintFor(format string) string {
	switch {
	case format == pdf:
		return "convert it to text: `pdftotext FILE`"
	case strings.Contains(format, " image"):
		return "use `image_path` for images, with `gleitzeit batch` --vision"
	case strings.HasSuffix(format, " archive"):
		return "unpack it, or exclude it"
	}
	return "convert it to text, or exclude it"
}
