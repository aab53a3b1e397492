package requestfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gleitzeit/gleitzeit/internal/requestfile"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// request is a valid line.
func request(id string) string {
	return fmt.Sprintf(`{"custom_id":%q,"method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":[{"role":"user","content":"hello"}]}}`, id)
}

// read returns all lines.
func read(t testing.TB, text string, o requestfile.Options) (lines []requestfile.Line) {
	t.Helper()
	reader := requestfile.NewReader(strings.NewReader(text), o)
	for {
		line, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
}

func TestProblemsOfALine(t *testing.T) {
	for _, test := range []struct{ line, want string }{
		{request("a"), ""},
		{`{"custom_id":"a","method":"POST","url":"/chat/completions","body":{"model":"m"}}`, ""}, // As files for Azure have it.
		{`{"custom_id":"a","method":"POST","url":"/v1/responses","body":{"model":"m","input":"x","stream":false}}`, ""},
		{`{"custom_id": "a", `, "invalid_json_line : the line is not JSON: unexpected EOF"},
		{request("a") + request("b"), "invalid_json_line : the line is not JSON: unexpected text after the value"},
		{"{\"custom_id\":\"\xff\"}", "invalid_json_line : the line is not valid UTF-8"},
		{`["a"]`, "invalid_request : the line is a list, not an object"},
		{`null`, "invalid_request : the line is null, not an object"},
		{`{}`, "invalid_request custom_id: custom_id is required; invalid_request method: method is required; invalid_request url: url is required; invalid_request body: body is required"},
		{`{"custom_id":7,"method":"GET","url":"/v1/moderations","body":"x"}`,
			`invalid_request custom_id: custom_id must be a string, not a number; invalid_request method: the method must be POST, not "GET"; ` +
				`invalid_request url: the URL "/v1/moderations" is not one of /v1/chat/completions, /v1/embeddings, /v1/completions, /v1/responses; ` +
				`invalid_request body: body must be an object, not a string`},
		{`{"custom_id":"","method":"POST","url":"/v1/embeddings","body":{"input":"x"}}`,
			"invalid_request custom_id: custom_id is empty; invalid_request body.model: body.model is required"},
		{`{"custom_id":"a","method":"POST","url":"/v1/embeddings","body":{"model":null}}`, "invalid_request body.model: body.model must be a string, not null"},
		{`{"custom_id":"a","method":"POST","url":"/v1/embeddings","body":{"model":""}}`, "invalid_request body.model: body.model is empty"},
		{`{"custom_id":"a","method":"POST","url":"/v1/completions","body":{"model":"m","stream":true}}`,
			"invalid_request body.stream: body.stream is not supported: a response is one document"},
	} {
		lines := read(t, test.line, requestfile.Options{})
		if len(lines) != 1 {
			t.Fatalf("%s: %d lines", test.line, len(lines))
		}
		if got := texts(lines[0].Problems); got != test.want {
			t.Errorf("%s\ngot  %s\nwant %s", test.line, got, test.want)
		}
	}
}

// texts writes problems in one line.
func texts(problems []requestfile.Problem) string {
	var all []string
	for _, p := range problems {
		all = append(all, fmt.Sprintf("%s %s: %s", p.Code, p.Param, p.Message))
	}
	return strings.Join(all, "; ")
}

func TestLinesAreReadAsTheyAre(t *testing.T) {
	text := "\ufeff" + request("a") + "\r\n\n  \n" + `{"custom_id":"b","method":"POST","url":"/embeddings","body":{"input":[1.50,123456789012345678901],"model":"m","a":1e400}}`
	lines := read(t, text, requestfile.Options{})
	if len(lines) != 2 || lines[0].Number != 1 || lines[1].Number != 4 || lines[1].CustomID != "b" || lines[1].URL != "/v1/embeddings" {
		t.Fatalf("%+v", lines)
	}
	if got := string(lines[1].Body.JSON()); got != `{"input":[1.50,123456789012345678901],"model":"m","a":1e400}` {
		t.Errorf("the body is %s", got)
	}
}

// A file stands for what every line of it can do alone, unless it must be as the API has it.
func TestLinesThatDoNotGoTogether(t *testing.T) {
	other := strings.NewReplacer(`"m"`, `"n"`, "chat/completions", "embeddings").Replace(request("c"))
	text := strings.Join([]string{request("a"), request("b"), request("a"), other, "{", request("a")}, "\n")
	for _, test := range []struct {
		options requestfile.Options
		want    []string
	}{
		{requestfile.Options{}, []string{"3 duplicate_custom_id", "5 invalid_json_line", "6 duplicate_custom_id"}},
		{requestfile.Options{Uniform: true}, []string{"3 duplicate_custom_id", "4 url_mismatch", "4 model_mismatch", "5 invalid_json_line", "6 duplicate_custom_id"}},
		{requestfile.Options{Uniform: true, Endpoint: "/v1/embeddings"}, []string{
			"1 url_mismatch", "2 url_mismatch", "3 duplicate_custom_id", "3 url_mismatch", "4 model_mismatch", "5 invalid_json_line", "6 duplicate_custom_id", "6 url_mismatch",
		}},
	} {
		var got []string
		summary, err := requestfile.Check(strings.NewReader(text), test.options, 0, func(p requestfile.Problem) {
			got = append(got, fmt.Sprintf("%d %s", p.Line, p.Code))
		})
		if err != nil || !slices.Equal(got, test.want) || summary.Requests != 6 || len(summary.File) > 0 {
			t.Errorf("%+v: %v %v %+v", test.options, err, got, summary)
		}
	}
}

func TestProblemsOfAFile(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "empty_file : the file has no requests",
		"\ufeff\n \r\n":              "empty_file : the file has no requests",
		request("a"):                 "",
		request("a") + "\n{\n" + "1": "too_many_tasks : the file has 3 requests, and at most 2 are accepted",
	} {
		summary, err := requestfile.Check(strings.NewReader(text), requestfile.Options{}, 2, func(requestfile.Problem) {})
		if got := texts(summary.File); err != nil || got != want {
			t.Errorf("%q: %v %s, want %s", text, err, got, want)
		}
	}
	broken := errors.New("the disk is broken")
	from := io.MultiReader(strings.NewReader(request("a")+"\n"), iotest.ErrReader(broken))
	if _, err := requestfile.Check(from, requestfile.Options{}, 0, func(requestfile.Problem) {}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// A long line is a problem of that line, and takes no memory.
func TestLongLine(t *testing.T) {
	long := io.LimitReader(endless('x'), 256<<20)
	from := io.MultiReader(strings.NewReader(request("a")+"\n"), long, strings.NewReader("\n"+request("b")))
	reader := requestfile.NewReader(from, requestfile.Options{MaxLine: 1 << 20})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, want := range []string{"", "invalid_request : the line is larger than 1048576 bytes", ""} {
		line, err := reader.Next()
		if got := texts(line.Problems); err != nil || got != want {
			t.Errorf("%v %s", err, got)
		}
	}
	if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > 16<<20 {
		t.Errorf("%d bytes were allocated", after.TotalAlloc-before.TotalAlloc)
	}
	// The limit is that of the text, not of what ends it.
	exact := request("a")
	for limit, want := range map[int]int{len(exact): 0, len(exact) - 1: 1} {
		if lines := read(t, exact+"\r\n", requestfile.Options{MaxLine: limit}); len(lines[0].Problems) != want {
			t.Errorf("limit %d: %s", limit, texts(lines[0].Problems))
		}
	}
}

type endless byte

func (e endless) Read(to []byte) (int, error) {
	for i := range to {
		to[i] = byte(e)
	}
	return len(to), nil
}

func TestRecognize(t *testing.T) {
	for text, want := range map[string]bool{
		request("a"):                                    true,
		"\ufeff\n" + request("a"):                       true,
		"{broken\n[]\n\"x\"\n" + request("a"):           true,
		strings.Repeat("broken\n", 30) + request("a"):   false,
		`{"custom_id":"a","params":{"model":"claude"}}`: false, // Anthropic's.
		`{"id":"a","text":"a row of a table"}`:          false,
		"":                                              false,
		strings.Repeat("word ", 100_000):                false,
	} {
		if got, _ := requestfile.Recognize(strings.NewReader(text)); got != want {
			t.Errorf("%.60q: %v", text, got)
		}
	}
	for text, want := range map[string]bool{"": true, "\ufeff\n \r\n": true, "\n\n{broken": false, "{broken\n": false, request("a"): false, strings.Repeat("\n", 30) + "x": false} {
		if _, blank := requestfile.Recognize(strings.NewReader(text)); blank != want {
			t.Errorf("%.60q: blank is %v", text, blank)
		}
	}
}

func TestValueOfAProblem(t *testing.T) {
	p := requestfile.Problem{Code: requestfile.URLMismatch, Message: "x", Param: "url", Line: 3}
	if got := string(p.Value().JSON()); got != `{"code":"url_mismatch","message":"x","param":"url","line":3}` {
		t.Error(got)
	}
	if got := string(requestfile.Problem{Code: requestfile.EmptyFile, Message: "x"}.Value().JSON()); got != `{"code":"empty_file","message":"x","param":null,"line":null}` {
		t.Error(got)
	}
}

// FuzzReader checks that every line that is not blank is read once, in order, that a valid line has what is sent, that reading in
// pieces changes nothing, and that what is valid stays valid where it is written again.
func FuzzReader(f *testing.F) {
	f.Add([]byte(request("a")+"\n\n{\r\n"+request("a")), 100)
	f.Add([]byte("\ufeff{}\nnull\n\"\xff\"\n"), 10)
	f.Add([]byte(`{"custom_id":"b","method":"POST","url":"/embeddings","body":{"model":"n","stream":true}}`), 1000)
	f.Fuzz(func(t *testing.T, text []byte, most int) {
		o := requestfile.Options{Uniform: most%2 == 0, AnyModel: most%3 == 0, MaxLine: max(most, 0) % 5000}
		whole, pieces := requestfile.NewReader(bytes.NewReader(text), o), requestfile.NewReader(iotest.OneByteReader(bytes.NewReader(text)), o)
		ids, last, count := map[string]bool{}, 0, 0
		for {
			line, err := whole.Next()
			other, otherErr := pieces.Next()
			if !errors.Is(err, otherErr) || line.Number != other.Number || texts(line.Problems) != texts(other.Problems) {
				t.Fatalf("%v %+v\nin pieces %v %+v", err, line, otherErr, other)
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if count++; line.Number <= last {
				t.Fatalf("line %d follows line %d", line.Number, last)
			}
			last = line.Number
			if len(line.Problems) > 0 {
				continue
			}
			if line.CustomID == "" || !slices.Contains(requestfile.URLs(), line.URL) || line.Body.Kind() != value.KindObject || ids[line.CustomID] {
				t.Fatalf("valid: %+v", line)
			}
			ids[line.CustomID] = true
			again := value.Object(value.Field{Name: "custom_id", Value: value.String(line.CustomID)}, value.Field{Name: "method", Value: value.String("POST")},
				value.Field{Name: "url", Value: value.String(line.URL)}, value.Field{Name: "body", Value: line.Body})
			if lines := read(t, string(again.JSON()), requestfile.Options{AnyModel: o.AnyModel}); len(lines) != 1 || len(lines[0].Problems) > 0 {
				t.Fatalf("%s: %+v", again.JSON(), lines)
			}
		}
		filled := 0
		for i, line := range bytes.Split(text, []byte("\n")) {
			if i == 0 {
				line = bytes.TrimPrefix(line, []byte("\ufeff"))
			}
			if len(bytes.TrimSpace(line)) > 0 {
				filled++
			}
		}
		if o.MaxLine == 0 && count != filled {
			t.Fatalf("%d lines of %d", count, filled)
		}
		requestfile.Recognize(bytes.NewReader(text))
	})
}

func TestItems(t *testing.T) {
	lines := read(t, request("a")+"\n{\n"+`{"custom_id":"b","method":"GET","url":"/v1/responses","body":{"model":"m"}}`, requestfile.Options{})
	for i, want := range []string{
		`{"custom_id":"a","url":"/v1/chat/completions","body":{"model":"m","messages":[{"role":"user","content":"hello"}]}} `,
		`{"line":2,"id":null,"problems":[{"code":"invalid_json_line","message":"the line is not JSON: unexpected EOF","param":null,"line":2}]} ` +
			`the line is not JSON: unexpected EOF (invalid_json_line)`,
		`{"line":3,"id":"b","problems":[{"code":"invalid_request","message":"the method must be POST, not \"GET\"","param":"method","line":3}]} ` +
			`the method must be POST, not "GET" (invalid_request)`,
	} {
		if got := string(lines[i].Item().JSON()) + " " + lines[i].Problem(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
