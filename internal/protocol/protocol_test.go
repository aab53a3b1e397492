package protocol

import (
	"encoding/json"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

func TestSmallValuesTravelAndLargeOnesStay(t *testing.T) {
	small, _ := NewPayload(value.String(strings.Repeat("x", MaxInline-2)))
	large, data := NewPayload(value.String(strings.Repeat("x", MaxInline-1)))
	if small.Inline == nil || small.Ref == nil {
		t.Error("16 KiB do not travel")
	}
	if large.Inline != nil || large.Ref.Size != MaxInline+1 || *large.Ref != RefOf(data) {
		t.Errorf("more than 16 KiB travel: %+v", large.Ref)
	}
	if RefOf([]byte("abc")).Hash != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Error("the hash is not SHA-256")
	}
}

func TestAttempts(t *testing.T) {
	four := &Retry{MaxAttempts: 4}
	for _, c := range []struct {
		retry *Retry
		kind  ErrorKind
		want  int
	}{{nil, Transient, 3}, {nil, TaskFault, 1}, {nil, Permanent, 1}, {four, Transient, 4}, {four, TaskFault, 4}, {four, Permanent, 1}} {
		if got := c.retry.Attempts(c.kind); got != c.want {
			t.Errorf("%+v %s: got %d, want %d", c.retry, c.kind, got, c.want)
		}
	}
}

func TestAnErrorKeepsItsCauseInThisProcess(t *testing.T) {
	cause := &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}
	err := Errorf(TaskValidationFailed, "cannot read x").WithCause(cause).WithHint("create it").WithKind(Transient)
	if at, is := errors.AsType[*fs.PathError](err); !is || at != cause || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the cause of %+v is %v", err, err.Unwrap())
	}
	if wrapped := AsError(cause, InternalError); !errors.Is(wrapped, fs.ErrNotExist) || wrapped.Message != cause.Error() {
		t.Errorf("wrapped: %+v", wrapped)
	}
	if plain := Errorf(InternalError, "x"); plain.Unwrap() != nil || errors.Is(plain, fs.ErrNotExist) {
		t.Errorf("without a cause: %v", plain.Unwrap())
	}
	data, failure := json.Marshal(err)
	if want := `{"code":-29001,"name":"TASK_VALIDATION_FAILED","message":"cannot read x","hint":"create it","kind":"transient"}`; failure != nil || string(data) != want {
		t.Errorf("got %s, %v", data, failure)
	}
}

func TestEveryCodeIsKnownOnce(t *testing.T) {
	numbers, names := map[Code]bool{}, map[string]bool{}
	for _, info := range Codes {
		if numbers[info.Code] || names[info.Name] || info.Meaning == "" || info.Kind == "" {
			t.Errorf("%+v", info)
		}
		numbers[info.Code], names[info.Name] = true, true
	}
	unknown := Code(-5).Info()
	if unknown.Name != "ERROR_5" {
		t.Errorf("%+v", unknown)
	}
}

// A duration has the digits that it has, and no more, in JSON.
func TestDurationsInJSON(t *testing.T) {
	for milliseconds := range 20_000 {
		d := time.Duration(milliseconds)*time.Millisecond + 300*time.Microsecond
		data, err := json.Marshal(RoundedSeconds(d))
		if _, after, _ := strings.Cut(string(data), "."); err != nil || len(after) > 3 || RoundedSeconds(d).Duration().Round(time.Millisecond) != d.Round(time.Millisecond) {
			t.Fatalf("%s: %s, %v", d, data, err)
		}
	}
	if data, _ := json.Marshal(SecondsOf(1695 * time.Millisecond)); string(data) != "1.695" {
		t.Errorf("%s", data)
	}
}

// TestNamesOfItems: a request is named by its id, a line that is none by its number; what only resembles them is shown as it is.
func TestNamesOfItems(t *testing.T) {
	for text, want := range map[string]string{
		`"/a/b.txt"`: "/a/b.txt", `7`: "7", `{"id":1}`: `{"id":1}`,
		`{"custom_id":"request 1","url":"/v1/embeddings","body":{"model":"m"}}`:             "request 1",
		`{"line":3,"id":null,"problems":[{"code":"invalid_json_line"}]}`:                    "line 3",
		`{"line":3,"id":"a\nb","problems":[{"code":"duplicate_custom_id"}]}`:                "line 3, a b",
		`{"line":"3","problems":[]}`:                                                        `{"line":"3","problems":[]}`,
		`{"custom_id":"a","body":"x"}`:                                                      `{"custom_id":"a","body":"x"}`,
		`{"custom_id":"` + strings.Repeat("x", 100) + `","url":"/v1/embeddings","body":{}}`: strings.Repeat("x", 59) + "…",
	} {
		item, err := value.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := NameOf(item); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
