// Package markdown reads HTML with JohannesKaufmann/html-to-markdown.
package markdown

import (
	"bytes"

	"github.com/JohannesKaufmann/html-to-markdown/v2/converter"
	"github.com/JohannesKaufmann/html-to-markdown/v2/plugin/base"
	"github.com/JohannesKaufmann/html-to-markdown/v2/plugin/commonmark"
	"github.com/JohannesKaufmann/html-to-markdown/v2/plugin/table"
	"golang.org/x/net/html/charset"
)

// Read reads a page with tables.
func Read(_ string, data []byte) (string, error) {
	c := plain()
	c.Register.Plugin(table.NewTablePlugin(table.WithNewlineBehavior(table.NewlineBehaviorPreserve), table.WithHeaderPromotion(true)))
	return read(c, data)
}

// ReadPlain reads a page without the plugin for tables.
func ReadPlain(_ string, data []byte) (string, error) { return read(plain(), data) }

func plain() *converter.Converter {
	return converter.NewConverter(converter.WithPlugins(base.NewBasePlugin(), commonmark.NewCommonmarkPlugin()), converter.WithEscapeMode(converter.EscapeModeDisabled))
}

func read(c *converter.Converter, data []byte) (string, error) {
	utf8, err := charset.NewReader(bytes.NewReader(data), "")
	if err != nil {
		return "", err
	}
	text, err := c.ConvertReader(utf8)
	return string(text), err
}
