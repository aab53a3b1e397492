package config

import (
	"testing"
	"time"
)

func TestParseAge(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"30d": 30 * day, "1.5d": 36 * time.Hour, "2w": 14 * day, "12h": 12 * time.Hour, "1h30m": 90 * time.Minute, "0s": 0, "0d": 0,
	} {
		if got, err := ParseAge(text); err != nil || got != want {
			t.Errorf("%q: %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "30", "d", "-1d", "-5m", "30 days", "NaNd", "Infd", "1e300w", "30D"} {
		if got, err := ParseAge(text); err == nil {
			t.Errorf("%q is %s; want an error", text, got)
		}
	}
}
