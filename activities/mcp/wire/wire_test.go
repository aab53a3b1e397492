package wire_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/gleitzeit/gleitzeit/activities/mcp/wire"
)

type nobody struct{ io.Writer }

func (nobody) Close() error { return nil }

// session returns a session in which these methods were called, with the ids 1, 2, ….
func session(t testing.TB, methods ...string) *wire.Session {
	t.Helper()
	s := wire.NewSession(wire.Report{Stray: func([]byte, bool) {}, Dropped: func(string, string, string) {}})
	w := s.Writer(nobody{io.Discard})
	for i, method := range methods {
		if _, err := fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%d,"method":%q}`+"\n", i+1, method); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// FuzzLine: whatever a server prints, the SDK can decode each line that it is given, and the result of each response.
func FuzzLine(f *testing.F) {
	for _, line := range []string{
		"banner", `{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"chart"}]}}`, `[{"jsonrpc":"2.0","id":2,"result":{"tools":[null]}}]`,
		`x {"jsonrpc":"2.0","id":"1","error":"no"} y`, `{"jsonrpc":"2.0","id":null,"error":{"code":"E"}}`, `{"jsonrpc":"2.0","method":"ping","id":[]}`,
		`{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":5}],"structuredContent":1,"_meta":[]}}`, `{"jsonrpc":"2.0","ID":1,"Result":{}}`,
		`{"jsonrpc":"2.0","id":2,"result":{"tools":[{"name":"x","inputSchema":{"maximum":9007199254740993}}]}}`, `{"jsonrpc":"2.0","id":1,"error":null}`,
		`{"jsonrpc":"2.0","id":1,"result":{"CONTENT":5,"content":[]}}`, `{"jsonrpc":"2.0","id":1e0,"method":null,"result":{}}`, `{"jsonrpc":"2.0","id":1,"id":2,"result":{}}`,
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		s := session(t, "tools/call", "tools/list")
		read, err := io.ReadAll(s.Reader(io.NopCloser(iotest.HalfReader(strings.NewReader(line + "\n")))))
		if err != nil {
			t.Fatal(err)
		}
		for message := range bytes.Lines(read) {
			decoded, err := jsonrpc.DecodeMessage(message)
			if err != nil {
				t.Fatalf("%q became %q: %v", line, message, err)
			}
			response, is := decoded.(*jsonrpc.Response)
			if !is || response.Error != nil {
				continue
			}
			var into any = &mcp.CallToolResult{}
			if response.ID.Raw() == int64(2) {
				into = &mcp.ListToolsResult{}
			}
			if err := json.Unmarshal(response.Result, into); err != nil {
				t.Fatalf("%q became %q: %v", line, message, err)
			}
		}
	})
}

// TestEvents: data may have several lines, and what is not a message is left out.
func TestEvents(t *testing.T) {
	for _, test := range []struct{ stream, want string }{
		{"id: 7\nevent: message\ndata: {\"jsonrpc\":\"2.0\",\ndata: \"id\":1,\"result\":{}}\n\n", "id: 7\nevent: message\ndata: {\"jsonrpc\":\"2.0\", \"id\":1,\"result\":{}}\n\n"},
		{"data:{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\r\n\r\n", "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\r\n"},
		{"data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n"},
		{": ping\n\ndata: hello\n\nid: 8\ndata:\n\n", ": ping\n\n\nid: 8\n\n"},
		{"data: [{\"jsonrpc\":\"2.0\",\"method\":\"a\"},{\"jsonrpc\":\"2.0\",\"method\":\"b\"}]\n\n", "data: {\"jsonrpc\":\"2.0\",\"method\":\"a\"}\n\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"b\"}\n\n"},
	} {
		got, err := io.ReadAll(session(t, "ping").Events(io.NopCloser(iotest.OneByteReader(strings.NewReader(test.stream)))))
		if err != nil || string(got) != test.want {
			t.Errorf("%q\ngot  %q, %v\nwant %q", test.stream, got, err, test.want)
		}
	}
}
