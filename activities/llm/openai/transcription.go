package openai

import (
	"bytes"
	"errors"
	"mime/multipart"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// recordingForm is the body of a request, a form with the recording, and its media type.
func recordingForm(request *provider.Request) (body []byte, kind string, err error) {
	var form bytes.Buffer
	fields := multipart.NewWriter(&form)
	write := func(name, text string) { err = errors.Join(err, fields.WriteField(name, text)) }
	write("model", request.Model)
	write("response_format", "json")
	for _, field := range append(request.Options, request.Recording.Fields...) {
		if field.Value.Kind() == value.KindString {
			write(field.Name, field.Value.Text())
		} else if !field.Value.IsNull() {
			write(field.Name, string(field.Value.JSON()))
		}
	}
	part, failed := fields.CreateFormFile("file", request.Recording.Name)
	if err = errors.Join(err, failed); err == nil {
		_, err = part.Write(request.Recording.Data)
	}
	err = errors.Join(err, fields.Close())
	return form.Bytes(), fields.FormDataContentType(), err
}
