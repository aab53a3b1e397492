package condition

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// TestLargePatterns: the first took 25 seconds and gigabytes to compile.
func TestLargePatterns(t *testing.T) {
	const large = "the patterns of the condition have more than 10000 steps after their counts are expanded"
	for _, text := range []string{
		`${inputs.x} matches "(?:` + strings.Repeat("a", 3000) + `){1000}"`,
		`${inputs.x} matches "` + strings.Repeat("(?:a{1000})", 11) + `"`,
		strings.Repeat(`${inputs.x} matches "a{1000}" or `, 11) + "false",
	} {
		c, errs := Compile(text)
		if c != nil || len(errs) != 1 || errs[0].Message != large || errs[0].Hint == "" {
			t.Errorf("%.60s: %v", text, errs)
		}
	}
	c, errs := Compile(strings.Repeat(`${inputs.x} matches "a{1000}" or `, 9) + `${inputs.x} matches "^b{2}$"`)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if holds, err := c.Holds(t.Context(), scopeOf(t, `"bb"`)); err != nil || !holds {
		t.Errorf("%t, %v", holds, err)
	}
}

func TestMatchesOfWhatIsNoText(t *testing.T) {
	c, errs := Compile(`${inputs.x} matches "1"`)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if holds, err := c.Holds(t.Context(), scopeOf(t, `null`)); err != nil || holds {
		t.Errorf("null: %t, %v", holds, err)
	}
	if _, err := c.Holds(t.Context(), scopeOf(t, `1`)); err == nil || !strings.Contains(err.Error(), "matches requires a text, not the number 1") {
		t.Errorf("a number: %v", err)
	}
}

// TestMatchingALargeText: it can be cancelled, and finds the same.
func TestMatchingALargeText(t *testing.T) {
	c, errs := Compile(`${inputs.x} matches "(?:a?){1000}b$"`)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	scope := scopeOf(t, `"`+strings.Repeat("a", protocol.MaxValue/2)+`"`)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := c.Holds(ctx, scope)
		ended <- err
	}()
	select {
	case err := <-ended:
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	case <-time.After(20 * time.Second): // All of it takes an hour.
		t.Fatal("it has not ended")
	}
	large := strings.Repeat("ü", uninterrupted/20)
	for ending, want := range map[string]bool{"abc": true, "abd": false} {
		c, errs = Compile(`${inputs.x} matches "ü[a-z]{2}c$"`)
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		if got, err := c.Holds(t.Context(), scopeOf(t, `"`+large+ending+`"`)); err != nil || got != want {
			t.Errorf("%s: %t, %v", ending, got, err)
		}
	}
}
