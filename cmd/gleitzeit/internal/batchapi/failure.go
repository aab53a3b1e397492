package batchapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// failure is the response to a request that is refused.
type failure struct {
	status     int
	retryAfter int // In seconds; 0: nothing is said.
	closing    bool
	body       failureBody
}

// failureBody is how clients get it.
type failureBody struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

// Error implements error.
func (f *failure) Error() string { return f.body.Message }

// The types of failures.
const (
	invalidRequest = "invalid_request_error"
	serverError    = "server_error"
)

// refusal returns the failure of a request that is not valid. param and code may be empty.
func refusal(status int, param, code, format string, args ...any) *failure {
	return &failure{status: status, body: failureBody{fmt.Sprintf(format, args...), invalidRequest, optional(param), optional(code)}}
}

// invalid is the refusal of a parameter.
func invalid(param, format string, args ...any) *failure {
	return refusal(http.StatusBadRequest, param, "", format, args...)
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// refuse answers a request that has failed. What is not the fault of the client is logged.
func refuse(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	f, is := errors.AsType[*failure](err)
	if !is {
		if r.Context().Err() != nil {
			return // The client is gone, or the server stops.
		}
		log.Error("cannot answer a request to the Batch API", "method", r.Method, "path", r.URL.Path, "error", err)
		f = &failure{status: http.StatusInternalServerError, body: failureBody{Message: "The server had an error while processing your request", Type: serverError}}
		if known, is := errors.AsType[*protocol.Error](err); is {
			f.body.Message += ": " + known.Message
		}
	}
	if f.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(f.retryAfter))
	}
	if f.closing { // What the client still sends is not read.
		w.Header().Set("Connection", "close")
	}
	f.write(w)
}

func (f *failure) write(w http.ResponseWriter) {
	answer(w, f.status, struct {
		Error failureBody `json:"error"`
	}{f.body})
}

// refuseAccess answers a request that does not pass the guard.
func refuseAccess(w http.ResponseWriter, text string, status int) {
	f := refusal(status, "", "", "%s", text)
	if status == http.StatusUnauthorized {
		f.body.Code = optional("invalid_api_key")
	}
	f.write(w)
}

// answer writes a document. That the client is gone is no error of anybody here.
func answer(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(document)
}
