package redaction

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

func TestFormsAreRedacted(t *testing.T) {
	const secret = "p<w>'d\"&ä\n/ +9"
	s := &Set{}
	s.Add("[secrets.P]", secret)
	for name, text := range map[string]string{
		"itself":         secret,
		"JSON":           `p<w>'d\"&ä\n/ +9`,
		"JSON of Go":     `p\u003cw\u003e'd\"\u0026ä\n/ +9`,
		"JSON of Python": `p<w>'d\"&\u00e4\n/ +9`,
		"query":          "p%3Cw%3E%27d%22%26%C3%A4%0A%2F+%2B9",
		"query of a URI": "p%3Cw%3E%27d%22%26%C3%A4%0A%2F%20%2B9",
		"path of Python": "p%3Cw%3E%27d%22%26%C3%A4%0A/%20%2B9",
		"lower case":     "p%3cw%3e%27d%22%26%c3%a4%0a%2f+%2b9",
		"repr":           `p<w>\'d"&ä\n/ +9`,
		"ascii":          `p<w>\'d"&\xe4\n/ +9`,
		"repr of bytes":  `p<w>\'d"&\xc3\xa4\n/ +9`,
		"base64":         base64.StdEncoding.EncodeToString([]byte(secret)),
		"hexadecimal":    hex.EncodeToString([]byte(secret)),
		"JSON in JSON":   `p<w>'d\\\"&ä\\n/ +9`,
	} {
		if got := s.String("a " + text + " b"); got != "a [secrets.P] b" {
			t.Errorf("%s: %q becomes %q", name, text, got)
		}
	}
}

// The base64 of a longer text, such as "user:password", has no byte of the secret but those that its neighbors changed.
func TestInsideBase64(t *testing.T) {
	const secret = "correct-horse-battery"
	s := &Set{}
	s.Add("|", secret)
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
		for before := range 6 {
			for after := range 4 {
				text := strings.Repeat("\xfa", before) + secret + strings.Repeat("\xfa", after)
				first, last, cut := strings.Cut(s.String(encoding.EncodeToString([]byte(text))), "|")
				if length := len(first) + len(strings.TrimRight(last, "=")); !cut || length > (before+after)*8/6+4 {
					t.Errorf("%d before and %d after: %q and %q", before, after, first, last)
				}
			}
		}
	}
}

func TestLinesOfASecret(t *testing.T) {
	s := &Set{}
	s.Add("[env.KEY]", "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nshort\n-----END KEY-----\n")
	if got := s.String("line: MIIEvQIBADANBgkq, short"); got != "line: [env.KEY], short" {
		t.Error(got)
	}
}

func TestShortValuesStay(t *testing.T) {
	s := &Set{}
	s.Add("[env.A]", "12345")
	if got := s.String("12345"); got != "12345" || !s.Empty() {
		t.Error(got)
	}
}

func TestValues(t *testing.T) {
	s := &Set{}
	s.Add("[env.N]", "123456")
	v, err := value.Parse([]byte(`{"k123456": [1234567, "x", {"a": "123456"}], "n": 12345}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(s.Value(v).JSON()), `{"k[env.N]":["[env.N]7","x",{"a":"[env.N]"}],"n":12345}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Wherever a text is cut, no piece of three bytes or more of a secret is left at the cut: shorter ones are not asserted,
// because words have them too.
func TestNoPartOfASecretAtACut(t *testing.T) {
	const secret, label = "S3cret<with>'quotes'\"and\"\nlines", "[secrets.S]"
	s := &Set{}
	s.Add(label, secret)
	s.Add("[secrets.T]", "S3cret") // The beginning of the other.
	for _, form := range formsOf(secret) {
		text := "before " + form + " after " + form + "."
		clean := s.String(text)
		for from := 0; from <= len(text); from++ {
			for _, to := range []int{from, (from + len(text)) / 2, len(text) - from/2, len(text)} {
				if to < from {
					continue
				}
				got := NewRaw(text[from:to], from > 0, to < len(text)).Redact(s).String()
				// What is left are pieces of the clean text, so nothing of the secret.
				rest := strings.NewReplacer(label, "", "[secrets.T]", "").Replace(got)
				for i := 0; i+3 <= len(rest); i++ {
					if piece := rest[i : i+3]; strings.Contains(form, piece) && !strings.Contains("before  after .", piece) {
						t.Fatalf("of %q, cut to %d:%d, %q is left (whole: %q)", text, from, to, got, clean)
					}
				}
			}
		}
	}
}

func TestAddAll(t *testing.T) {
	a, b := &Set{}, &Set{}
	a.Add("[env.A]", "secret-a")
	b.Add("[env.B]", "secret-b")
	b.AddAll(a)
	b.AddAll(nil)
	b.AddAll(b)
	if got := b.String("secret-a secret-b"); got != "[env.A] [env.B]" {
		t.Error(got)
	}
	if got := a.String("secret-b"); got != "secret-b" {
		t.Error(got)
	}
}

// In whatever pieces a text comes, what is passed on of it is that of the whole text without secrets: one secret may be the
// beginning of another, or end as another begins.
func TestSplit(t *testing.T) {
	s := &Set{}
	s.Add("[A]", "S3cret")
	s.Add("[B]", "S3cret<and more>")
	s.Add("[C]", "t-other")
	for text, want := range map[string]string{
		"a S3cret b":                   "a [A] b",
		"a S3cret<and more> S3cret<an": "a [B] [A]<an",
		"S3crett-other S3cret-other":   "[A][C] [A]-other",
		"S3creS3cret<and moreS3cret":   "S3cre[A]<and more[A]",
	} {
		for size := 1; size <= len(text); size++ {
			var passed strings.Builder
			held := ""
			for rest := text; rest != ""; {
				piece := rest[:min(size, len(rest))]
				rest = rest[len(piece):]
				var clean string
				clean, held = s.Split(held + piece)
				passed.WriteString(clean)
			}
			if got := passed.String() + s.String(held); got != want {
				t.Errorf("%q in pieces of %d becomes %q, want %q", text, size, got, want)
			}
		}
	}
}

func TestFollow(t *testing.T) {
	all, own := &Set{}, &Set{}
	own.Follow(all)
	own.Follow(nil)
	if !own.Empty() || own.String("secret-a") != "secret-a" {
		t.Error("it has a secret before there is one")
	}
	all.Add("[all.A]", "secret-a")
	if got := own.String("secret-a"); got != "[all.A]" {
		t.Error(got)
	}
	own.Add("[own.A]", "secret-a")
	all.Add("[all.B]", "secret-b")
	if got := own.String("secret-a secret-b"); got != "[own.A] [all.B]" {
		t.Error(got)
	}
	other := &Set{}
	other.Follow(all)
	other.Add("[all.A]", "secret-a")
	if got := other.String("secret-a secret-b"); got != "[all.A] [all.B]" {
		t.Error(got)
	}
	other.Add("[other.C]", "secret-c")
	if got := other.String("secret-a secret-b secret-c") + all.String("secret-c"); got != "[all.A] [all.B] [other.C]secret-c" {
		t.Error(got)
	}
	copied := &Set{}
	copied.AddAll(own)
	if got := copied.String("secret-a secret-b"); got != "[own.A] [all.B]" {
		t.Error(got)
	}
}

// The memory that a set takes has a limit: a process may be given a new secret each day, for years.
func TestOldSecretsAreForgotten(t *testing.T) {
	s := &Set{}
	for i := range most + 2 {
		s.Add("[s]", fmt.Sprintf("secret-%04d", i))
	}
	if got := s.String("secret-0001 secret-0002 secret-1001"); got != "secret-0001 [s] [s]" {
		t.Error(got)
	}
	s.Add("[again]", "secret-0001")
	if got := s.String("secret-0001 secret-0002 secret-0003"); got != "[again] secret-0002 [s]" {
		t.Error(got)
	}
}

func TestAtOnce(t *testing.T) {
	all, own := &Set{}, &Set{}
	own.Follow(all)
	var working sync.WaitGroup
	for i := range 8 {
		working.Go(func() {
			for j := range 20 {
				text := fmt.Sprintf("secret-%d-%d", i, j)
				all.Add("[s]", text)
				if got := own.String(text); got != "[s]" {
					t.Errorf("%s becomes %s", text, got)
				}
			}
		})
	}
	working.Wait()
}

func TestCuts(t *testing.T) {
	var none *Set
	text := none.Text("äöü")
	if got, cut := text.First(3); got != "ä" || !cut {
		t.Errorf("%q %v", got, cut)
	}
	if got, cut := text.First(6); got != "äöü" || cut {
		t.Errorf("%q %v", got, cut)
	}
	if got := text.Ends(4); got != "ä\n[…]\nü" {
		t.Error(got)
	}
	if got := NewRaw("\xa4ö\xc3", true, true).Redact(nil).String(); got != "ö" {
		t.Errorf("%q", got)
	}
}

func FuzzCuts(f *testing.F) {
	f.Add("s3cret-value", "a ", " b", 3, 9)
	f.Add("ab'ab'ab\"", "x", "", 1, 4)
	f.Fuzz(func(t *testing.T, secret, before, after string, from, to int) {
		text := before + secret + after
		if len(secret) < Shortest || from < 0 || to < from || to > len(text) {
			return
		}
		s := &Set{}
		s.Add("", secret)
		got := NewRaw(text[from:to], from > 0, to < len(text)).Redact(s).String()
		if strings.Contains(got, secret) && !strings.Contains(strings.ReplaceAll(text, secret, ""), secret) {
			t.Fatalf("%q has the secret %q", got, secret)
		}
	})
}

// TestALargeTextIsNotCopied: one without secrets stays where it is, and one with some becomes one text, however often a value has it.
func TestALargeTextIsNotCopied(t *testing.T) {
	var set Set
	set.Add("[secrets.A]", "swordfish")
	set.Add("[secrets.B]", "correct horse")
	clean, told := strings.Repeat("swordfis ", 10_000), strings.Repeat("a swordfish ", 10_000)
	v := set.Value(value.List(value.String(clean), value.String(told), value.Object(value.Field{Name: "text", Value: value.String(told)}), value.String("a swordfish")))
	texts := v.Elements()
	within, _ := texts[2].Get("text")
	if unsafe.StringData(texts[0].Text()) != unsafe.StringData(clean) {
		t.Error("a text without secrets was copied")
	}
	if unsafe.StringData(texts[1].Text()) != unsafe.StringData(within.Text()) {
		t.Error("a text with a secret became two texts")
	}
	if got := texts[1].Text(); got != strings.Repeat("a [secrets.A] ", 10_000) || within.Text() != got || texts[3].Text() != "a [secrets.A]" {
		t.Errorf("got %.100s, %.100s, %s", got, within.Text(), texts[3].Text())
	}
}
