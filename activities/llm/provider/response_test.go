package provider

import (
	"net/http"
	"testing"
	"time"
)

// A header Retry-After is a number of seconds, or a time.
func TestReadRetryAfter(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "2": 2 * time.Second, " 2 ": 2 * time.Second, "0.5": 500 * time.Millisecond, "-1": 0, "soon": 0, "NaN": 0, "1e99": 0,
		"Mon, 02 Jan 2006 15:04:05 GMT": 0,
	} {
		if got := ReadRetryAfter(http.Header{"Retry-After": {text}}); got != want {
			t.Errorf("%q: %s", text, got)
		}
	}
	const hour = time.Hour
	got := ReadRetryAfter(http.Header{"Retry-After": {time.Now().Add(hour).UTC().Format(http.TimeFormat)}})
	if got > hour || got < hour-time.Minute {
		t.Errorf("in an hour: %s", got)
	}
}
