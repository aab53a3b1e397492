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

func TestRetention(t *testing.T) {
	for _, c := range []struct {
		env  environment
		file string
		want time.Duration
	}{
		{nil, "", 0},
		{nil, "retention: none", 0},
		{nil, "retention: 30d", 30 * 24 * time.Hour},
		{environment{"GLEITZEIT_RETENTION": "12h"}, "retention: 30d", 12 * time.Hour},
		{environment{"GLEITZEIT_RETENTION": "none"}, "retention: 30d", 0},
	} {
		settings, lines, _ := load(t, c.env, c.file)
		if settings == nil || settings.Retention != c.want {
			t.Errorf("%v %q: %+v, %v; want %s", c.env, c.file, settings, lines, c.want)
		}
	}
}
