package llm

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// toolText is what the model gets of the result of a tool: its texts, embedded ones included, and a note about what is not text;
// else the structured content; else all of it.
func toolText(result value.Value) string {
	response, isText := result.Get("response")
	var texts []string
	content, _ := result.Get("content")
	for _, block := range content.Elements() {
		if text := blockText(block); text != "" {
			texts = append(texts, text)
		}
	}
	if all := strings.Join(texts, "\n"); strings.TrimSpace(all) != "" && (response.Text() == "" || len(texts) > 1) {
		return all
	}
	if isText && response.Kind() == value.KindString && response.Text() != "" {
		return response.Text()
	}
	structured, is := result.Get("result")
	switch {
	case is && structured.Text() != "":
		return structured.Text()
	case is && !structured.IsNull() && structured.Kind() != value.KindString:
		return string(structured.JSON())
	case isText:
		return "the tool returned an empty text"
	}
	return string(result.JSON())
}

// blockText is the text of a block of MCP content, or what it is.
func blockText(block value.Value) string {
	resource, _ := block.Get("resource")
	switch kind := text(block, "type"); kind {
	case "text":
		return text(block, "text")
	case "image", "audio":
		return fmt.Sprintf("[%s: %s, %d bytes]", kind, text(block, "mimeType"), base64.StdEncoding.DecodedLen(len(text(block, "data"))))
	case "resource":
		if embedded := text(resource, "text"); embedded != "" {
			return embedded
		}
		return fmt.Sprintf("[resource %s: %s]", text(resource, "uri"), text(resource, "mimeType"))
	case "resource_link":
		return strings.TrimSpace(fmt.Sprintf("[resource %s] %s", text(block, "uri"), text(block, "description")))
	}
	return ""
}

// toolImages are the images in the result of a tool.
func toolImages(result, given value.Value, b *backend) (images [][]byte) {
	largest, err := imageSize(given, b)
	if err != nil {
		return nil // The question could not have been read.
	}
	content, _ := result.Get("content")
	for _, block := range content.Elements() {
		if text(block, "type") != "image" {
			continue
		}
		if image, err := decodeImage(text(block, "data"), largest); err == nil { // A model cannot correct another one.
			images = append(images, image)
		}
	}
	return images
}
