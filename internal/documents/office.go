package documents

import (
	"archive/zip"
	"bytes"
	"context"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/xmlarchive"
)

func isDOCX(data []byte) bool { return packs(data, "word/") }
func isXLSX(data []byte) bool { return packs(data, "xl/") }
func isPPTX(data []byte) bool { return packs(data, "ppt/") }

// packs reports whether data is a ZIP archive with files in a folder. A broken archive is if the names are there.
func packs(data []byte, folder string) bool {
	if !isZIP(data) {
		return false
	}
	if bytes.Count(data, []byte("PK\x01\x02")) <= xmlarchive.MaxFiles {
		if reader, err := zip.NewReader(bytes.NewReader(data), int64(len(data))); err == nil {
			for _, file := range reader.File {
				if strings.HasPrefix(strings.TrimPrefix(file.Name, "/"), folder) {
					return true
				}
			}
			return false
		}
	}
	return bytes.Contains(data, []byte("[Content_Types].xml")) && bytes.Contains(data, []byte(folder))
}

func isZIP(data []byte) bool { return bytes.HasPrefix(data, []byte("PK\x03\x04")) }

// holds reports whether a ZIP archive says with its first file of what type it is, as OpenDocument files and EPUB books do.
func holds(data []byte, mediaType string) bool {
	const header = 30 // Bytes before the name of a file.
	return isZIP(data) && len(data) > header && bytes.HasPrefix(data[header:], []byte("mimetype"+mediaType))
}

// isOLE reports whether data is a container as Office wrote them until 2003, and still does for what is encrypted.
func isOLE(data []byte) bool {
	return bytes.HasPrefix(data, []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"))
}

// oleKinds are what such containers hold, by the names of their streams.
var oleKinds = []struct {
	stream  string
	problem Problem
}{
	{"EncryptedPackage", Problem{"is an Office document with a password", "remove the password and save it again"}},
	{"WordDocument", Problem{"is a Word 97 document", "save it as DOCX"}},
	{"Workbook", Problem{"is an Excel 97 workbook", "save it as XLSX"}},
	{"Book", Problem{"is an Excel 95 workbook", "save it as XLSX"}},
	{"PowerPoint Document", Problem{"is a PowerPoint 97 presentation", "save it as PPTX"}},
	{"__substg1.0_", Problem{"is an Outlook message", "save it as EML"}},
}

// readOLE says what a container holds. None is read.
func readOLE(_ context.Context, _ string, data []byte, _ Options) (Document, error) {
	for _, kind := range oleKinds {
		var name []byte
		for _, letter := range []byte(kind.stream) {
			name = append(name, letter, 0)
		}
		if bytes.Contains(data, name) {
			problem := kind.problem
			return Document{}, &problem
		}
	}
	return Document{}, &Problem{Text: "is a document of an old Office program", Hint: "save it in a format of today: DOCX, XLSX or PPTX"}
}
