package images

import (
	"bytes"
	"encoding/binary"
	"image"

	"golang.org/x/image/draw"
)

// upright is the orientation of an image whose first row is at the top and whose first column is at the left. The others are
// those of EXIF: 2 to 8.
const upright = 1

// orientation reads the orientation of an image from its EXIF data, which have the form of a TIFF file.
func orientation(data []byte, kind string) int {
	switch kind {
	case "image/tiff":
		return orientationTag(data)
	case "image/jpeg":
		return orientationTag(jpegEXIF(data))
	case "image/png":
		return orientationTag(chunk(data[min(len(data), len("\x89PNG\r\n\x1a\n")):], "eXIf", binary.BigEndian, pngChunk))
	case "image/webp":
		return orientationTag(bytes.TrimPrefix(chunk(data[min(len(data), len("RIFFsizeWEBP")):], "EXIF", binary.LittleEndian, riffChunk), exifMark))
	}
	return upright
}

var exifMark = []byte("Exif\x00\x00")

// jpegEXIF returns the EXIF data of a JPEG; nil if there are none before the image itself.
func jpegEXIF(data []byte) []byte {
	const marker, scan, app1 = 0xff, 0xda, 0xe1
	for at := 2; at+4 <= len(data) && data[at] == marker && data[at+1] != scan; {
		if data[at+1] == marker { // A marker may begin with any number of these bytes.
			at++
			continue
		}
		size := int(binary.BigEndian.Uint16(data[at+2:]))
		end := at + 2 + size
		if size < 2 || end > len(data) {
			return nil
		}
		if content := data[at+4 : end]; data[at+1] == app1 && bytes.HasPrefix(content, exifMark) {
			return content[len(exifMark):]
		}
		at = end
	}
	return nil
}

// chunkForm is how the chunks of a format are written.
type chunkForm struct {
	sizeAt, nameAt int // In the head of a chunk, which has 8 bytes.
	tail           int // Bytes after the content.
	even           bool
}

var (
	pngChunk  = chunkForm{sizeAt: 0, nameAt: 4, tail: 4}
	riffChunk = chunkForm{sizeAt: 4, nameAt: 0, even: true}
)

// chunk returns the content of the first chunk of a name.
func chunk(data []byte, name string, order binary.ByteOrder, form chunkForm) []byte {
	const head = 8
	for len(data) >= head {
		size := int(order.Uint32(data[form.sizeAt:]))
		if size > len(data)-head {
			return nil
		}
		if string(data[form.nameAt:form.nameAt+4]) == name {
			return data[head : head+size]
		}
		if form.even {
			size += size % 2
		}
		data = data[min(head+size+form.tail, len(data)):]
	}
	return nil
}

// orientationTag reads the tag of the orientation in the first directory of a TIFF file.
func orientationTag(data []byte) int {
	const tag, entrySize, valueAt, last = 0x112, 12, 8, 8
	var order binary.ByteOrder = binary.LittleEndian
	switch {
	case len(data) < 8:
		return upright
	case bytes.HasPrefix(data, []byte("MM")):
		order = binary.BigEndian
	}
	at := int(order.Uint32(data[4:]))
	if at < 0 || at+2 > len(data) {
		return upright
	}
	entries := data[at+2:]
	for range order.Uint16(data[at:]) {
		if len(entries) < entrySize {
			break
		}
		if order.Uint16(entries) == tag {
			if found := int(order.Uint16(entries[valueAt:])); found >= upright && found <= last {
				return found
			}
			break
		}
		entries = entries[entrySize:]
	}
	return upright
}

// turned returns an image upright.
func turned(from image.Image, orientation int) image.Image {
	if orientation == upright {
		return from
	}
	size := from.Bounds().Size()
	source := image.NewRGBA(image.Rectangle{Max: size})
	draw.Draw(source, source.Bounds(), from, from.Bounds().Min, draw.Src)
	width, height := size.X, size.Y
	if orientation > 4 { // Rows are columns.
		width, height = height, width
	}
	to := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			fromX, fromY := x, y
			if orientation > 4 {
				fromX, fromY = y, x
			}
			switch orientation {
			case 2, 7, 8: // Mirrored left to right.
				fromX = size.X - 1 - fromX
			case 3:
				fromX, fromY = size.X-1-fromX, size.Y-1-fromY
			}
			switch orientation {
			case 4, 6, 7: // Mirrored top to bottom.
				fromY = size.Y - 1 - fromY
			}
			copy(to.Pix[to.PixOffset(x, y):][:4], source.Pix[source.PixOffset(fromX, fromY):][:4])
		}
	}
	return to
}
