package batchapi

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/internal/config"
	"github.com/gleitzeit/gleitzeit/internal/gate"
	"github.com/gleitzeit/gleitzeit/internal/requestfile"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

const (
	// maxBody bounds a request that is a JSON document, in bytes.
	maxBody = 1 << 20
	// The limits on metadata.
	maxMetadata      = 16
	maxMetadataKey   = 64
	maxMetadataValue = 512
)

// findBatch returns the batch of a request as it is now.
func (a *api) findBatch(r *http.Request, id string) (*record, error) {
	b, err := a.storage.batch(id)
	if errors.Is(err, errNoRecord) || err == nil && !mayUse(r, b.Owner) {
		return nil, refusal(http.StatusNotFound, "batch_id", "", "No batch found with id %.60q.", id)
	}
	if err != nil {
		return nil, err
	}
	return b, a.batches.observe(r.Context(), b)
}

func (a *api) getBatch(w http.ResponseWriter, r *http.Request) error {
	b, err := a.findBatch(r, r.PathValue("id"))
	if err == nil {
		answer(w, http.StatusOK, b.document)
	}
	return err
}

func (a *api) listBatches(w http.ResponseWriter, r *http.Request) error {
	page, err := pageOf(r, batchPrefix, usualBatch, mostListed)
	if err != nil {
		return err
	}
	found, more, err := collect(page, a.storage.ids(batchesFolder), func(id string) (d document, wanted bool, err error) {
		b, err := a.storage.batch(id)
		if err == nil && !mayUse(r, b.Owner) {
			return d, false, nil
		}
		if err == nil {
			err = a.batches.observe(r.Context(), b)
		}
		if err != nil {
			return d, false, ignoreMissing(err)
		}
		return b.document, true, nil
	})
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, listOf(found, more, func(d document) string { return d.ID }))
	return nil
}

func (a *api) cancelBatch(w http.ResponseWriter, r *http.Request) error {
	b, err := a.findBatch(r, r.PathValue("id"))
	if err != nil {
		return err
	}
	if b, err = a.batches.cancel(b.ID); err != nil {
		return err
	}
	if err := a.batches.observe(r.Context(), b); err != nil {
		return err
	}
	answer(w, http.StatusOK, b.document)
	return nil
}

// createBatch creates a batch. It is stored before the client gets it, and everything else happens afterwards.
func (a *api) createBatch(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody(w, r, maxBody)
	if err != nil {
		return err
	}
	b, err := readBatch(body)
	if err != nil {
		return err
	}
	b.Owner = gate.Holder(r.Context())
	f, err := a.find(r, b.InputFile)
	if err != nil {
		return withParam(err, "input_file_id")
	}
	if f.Purpose != ofBatch {
		return invalid("input_file_id", "Invalid file purpose: the file %s has the purpose %q, and must have %q.", f.ID, f.Purpose, ofBatch)
	}
	switch err := a.batches.create(b); {
	case errors.Is(err, errNoRecord):
		return refusal(http.StatusNotFound, "input_file_id", "", "No such File object: %.60q", b.InputFile)
	case err != nil:
		return err
	}
	answer(w, http.StatusOK, b.document)
	return nil
}

func withParam(err error, param string) error {
	if f, is := errors.AsType[*failure](err); is {
		f.body.Param = optional(param)
	}
	return err
}

// readBody reads a request that is a JSON object.
func readBody(w http.ResponseWriter, r *http.Request, most int64) (body value.Value, err error) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if _, is := errors.AsType[*http.MaxBytesError](err); is {
		f := refusal(http.StatusRequestEntityTooLarge, "", "", "The request is too large: at most %d bytes are accepted.", most)
		f.closing = true
		return body, f
	}
	if err != nil {
		return body, unreadable(err)
	}
	if body, err = value.Parse(text); err != nil {
		return body, invalid("", "We could not parse the JSON body of your request: it is %s.", err)
	}
	if body.Kind() != value.KindObject {
		return body, invalid("", "The body of the request must be an object, not %s.", body.Kind().Article())
	}
	return body, nil
}

// readBatch reads the batch that a client wants.
func readBatch(body value.Value) (*record, error) {
	known := []string{"input_file_id", "endpoint", "completion_window", "metadata", "output_expires_after"}
	for _, field := range body.Fields() {
		if !slices.Contains(known, field.Name) {
			return nil, refusal(http.StatusBadRequest, field.Name, "unknown_parameter", "Unknown parameter: '%.60s'.", field.Name)
		}
	}
	now := time.Now()
	b := &record{document: document{ID: newID(batchPrefix), Object: "batch", Status: Validating, CreatedAt: now.Unix()}, Moved: now.UnixNano()}
	for name, into := range map[string]*string{"input_file_id": &b.InputFile, "endpoint": &b.Endpoint, "completion_window": &b.Window} {
		field, has := body.Get(name)
		switch {
		case !has:
			return nil, refusal(http.StatusBadRequest, name, "missing_required_parameter", "Missing required parameter: '%s'.", name)
		case field.Kind() != value.KindString:
			return nil, refusal(http.StatusBadRequest, name, "invalid_type", "Invalid type for '%s': expected a string, but got %s instead.", name, field.Kind().Article())
		}
		*into = field.Text()
	}
	if !slices.Contains(requestfile.URLs(), b.Endpoint) {
		return nil, refusal(http.StatusBadRequest, "endpoint", "invalid_value", "Invalid value: %.60q. Supported values are: '%s'.", b.Endpoint, strings.Join(requestfile.URLs(), "', '"))
	}
	window, err := config.ParseAge(b.Window)
	if err != nil || window < time.Second || window > requestfile.LongestWindow {
		return nil, refusal(http.StatusBadRequest, "completion_window", "invalid_value", "Invalid value: %.60q. Supported values are: '24h', and other durations of at most '30d'.", b.Window)
	}
	b.ExpiresAt = now.Add(window).Unix()
	if b.Metadata, err = readMetadata(body); err != nil {
		return nil, err
	}
	b.Keep, err = readKeep(body)
	return b, err
}

func readMetadata(body value.Value) (map[string]string, error) {
	given, _ := body.Get("metadata")
	if given.IsNull() {
		return nil, nil
	}
	if given.Kind() != value.KindObject {
		return nil, refusal(http.StatusBadRequest, "metadata", "invalid_type", "Invalid type for 'metadata': expected an object, but got %s instead.", given.Kind().Article())
	}
	if len(given.Fields()) > maxMetadata {
		return nil, invalid("metadata", "Invalid 'metadata': too many properties. Expected at most %d, but got %d.", maxMetadata, len(given.Fields()))
	}
	metadata := map[string]string{}
	for _, field := range given.Fields() {
		param := "metadata." + field.Name
		switch {
		case utf8.RuneCountInString(field.Name) > maxMetadataKey:
			return nil, invalid("metadata", "Invalid 'metadata': the key %.80q has more than %d characters.", field.Name, maxMetadataKey)
		case field.Value.Kind() != value.KindString:
			return nil, refusal(http.StatusBadRequest, param, "invalid_type", "Invalid type for '%s': expected a string, but got %s instead.", param, field.Value.Kind().Article())
		case utf8.RuneCountInString(field.Value.Text()) > maxMetadataValue:
			return nil, invalid(param, "Invalid '%s': the value has more than %d characters.", param, maxMetadataValue)
		}
		metadata[field.Name] = field.Value.Text()
	}
	return metadata, nil
}

// readKeep reads after how many seconds the files with the results expire.
func readKeep(body value.Value) (int64, error) {
	const param = "output_expires_after"
	given, _ := body.Get(param)
	if given.IsNull() {
		return 0, nil
	}
	anchor, _ := given.Get("anchor")
	text, _ := given.Get("seconds")
	seconds, err := strconv.ParseInt(text.Digits(), 10, 64)
	if err != nil {
		seconds = 0
	}
	return seconds, checkExpiry(param, anchor.Text(), seconds)
}
