package documents

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestReadText(t *testing.T) {
	d, err := Read(context.Background(), "notes.unknown", []byte("\uFEFFone\r\ntwo\n"), Options{})
	if err != nil || d.Format != "text" || d.Text() != "one\ntwo" || d.Empty() {
		t.Errorf("got %+v, %v", d, err)
	}
}

func TestReadUnknownBytes(t *testing.T) {
	_, err := Read(context.Background(), "a.bin", []byte{0, 1, 2, 0xFF}, Options{})
	var p *Problem
	if !errors.As(err, &p) || p.Text != "has NUL bytes: it is binary data, not text" || !strings.Contains(p.Hint, "text") {
		t.Errorf("got %v", err)
	}
}

func TestReadMoreTextThanTheLimit(t *testing.T) {
	_, err := Read(context.Background(), "a.txt", []byte("12345"), Options{Limits: Limits{Text: 4}})
	var p *Problem
	if !errors.As(err, &p) || p.Text != "has more than 4 bytes of text" {
		t.Errorf("got %v", err)
	}
}

func TestReadEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Read(ctx, "a.txt", []byte("x"), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestSelectedParts(t *testing.T) {
	limits := Limits{}.withDefaults()
	for _, c := range []struct {
		pages []Range
		want  []int
	}{
		{nil, []int{1, 2, 3, 4}},
		{[]Range{{2, 3}}, []int{2, 3}},
		{[]Range{{3, 0}, {1, 1}, {4, 9}}, []int{1, 3, 4}},
		{[]Range{{5, 6}}, nil},
	} {
		got, err := Options{Pages: c.pages, Limits: limits}.selected(4)
		if !slices.Equal(got, c.want) || (err != nil) != (c.want == nil) {
			t.Errorf("%v: got %v, %v", c.pages, got, err)
		}
	}
	limits.Parts = 3
	if _, err := (Options{Limits: limits}).selected(4); err == nil {
		t.Error("four parts were selected with a limit of three")
	}
}
