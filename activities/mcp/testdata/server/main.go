// Command server is an MCP server for tests, over stdio, or with -http over streamable HTTP. It notes in the folder that
// NOTES names what happens to it: in "started" its process id, in "calls" each call.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

func main() {
	address := flag.String("http", "", "address to serve streamable HTTP at, instead of stdio")
	stubborn := flag.Bool("stubborn", false, "end neither with standard input nor by SIGTERM, and start a program that does not either")
	broken := flag.Bool("broken", false, "say something and end at once")
	silent := flag.Bool("silent", false, "never answer")
	only := flag.String("only", "", "the name of the only tool")
	extra := flag.String("extra", "", "the name of one more tool, which does nothing")
	flag.Parse()
	note("started", fmt.Sprint(os.Getpid()))
	if *broken {
		for i := range 20 {
			fmt.Fprintf(os.Stderr, "line %d\n", i)
		}
		fmt.Fprintln(os.Stderr, "the database is locked; the password was "+os.Getenv("PASSWORD"))
		os.Exit(3)
	}
	if *silent {
		_, _ = bufio.NewReader(os.Stdin).ReadString(0)
		return
	}
	server := newServer(*only)
	if *extra != "" {
		server.AddTool(&mcp.Tool{Name: *extra, InputSchema: json.RawMessage(anyArguments)}, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "done"}}}, nil
		})
	}
	var err error
	switch {
	case *address != "":
		err = serveHTTP(*address, server)
	case *stubborn:
		signal.Ignore(syscall.SIGTERM)
		child := exec.Command("sh", "-c", "trap '' TERM; while true; do sleep 1000; done")
		if err = child.Start(); err == nil {
			note("started", fmt.Sprint(child.Process.Pid))
			_ = server.Run(context.Background(), &mcp.StdioTransport{})
			select {}
		}
	default:
		err = server.Run(context.Background(), &mcp.StdioTransport{})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serveHTTP(address string, server *mcp.Server) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	note("address", "http://"+listener.Addr().String()+"/mcp")
	var handler http.Handler = mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil)
	if status, err := strconv.Atoi(os.Getenv("FORGET")); err == nil {
		handler = forgetSessions(handler, status, os.Getenv("FORGET_BODY"))
	}
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token := os.Getenv("TOKEN"); token != "" && r.Header.Get("Authorization") != "Bearer "+token {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		if r.URL.Path == "/elsewhere" {
			http.Redirect(w, r, "/mcp", http.StatusTemporaryRedirect)
			return
		}
		handler.ServeHTTP(w, r)
	}))
}

func note(name, text string) {
	folder := os.Getenv("NOTES")
	if folder == "" {
		return
	}
	file, err := os.OpenFile(filepath.Join(folder, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		panic(err)
	}
	if _, err := fmt.Fprintln(file, text); err != nil {
		panic(err)
	}
	if err := file.Close(); err != nil {
		panic(err)
	}
}

// times is how often a call was noted.
func times(call string) int {
	text, err := os.ReadFile(filepath.Join(os.Getenv("NOTES"), "calls"))
	if err != nil {
		return 0
	}
	return strings.Count(string(text), call+"\n")
}

const anyArguments = `{"type": "object", "properties": {"text": {"type": "string"}}}`

func newServer(only string) *mcp.Server {
	server := mcp.NewServer(&mcp.Implementation{Name: "test-server", Version: "1.2.3"}, &mcp.ServerOptions{Instructions: "For tests."})
	add := func(name string, annotations *mcp.ToolAnnotations, schema string, answer mcp.ToolHandler) {
		if only != "" && name != only {
			return
		}
		server.AddTool(&mcp.Tool{Name: name, InputSchema: json.RawMessage(schema), Annotations: annotations},
			func(ctx context.Context, request *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				note("calls", name)
				return answer(ctx, request)
			})
	}
	// mark adds a line with a number to the file "log".
	add("mark", nil, `{"type": "object", "properties": {"number": {"type": "integer"}}}`, func(_ context.Context, request *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		var mark struct{ Number int }
		if err := json.Unmarshal(request.Params.Arguments, &mark); err != nil {
			return nil, err
		}
		note("log", fmt.Sprintf("%06d", mark.Number))
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "done"}}}, nil
	})
	// log says on stderr what it is called with, as some servers do with every call. The next three repeat it to whoever asks: in a
	// result, in a failure, in an error.
	var logged atomic.Pointer[struct{ Text string }]
	add("log", nil, anyArguments, func(_ context.Context, request *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		fmt.Fprintf(os.Stderr, "called with %s\n", request.Params.Arguments)
		arguments := &struct{ Text string }{}
		if err := json.Unmarshal(request.Params.Arguments, arguments); err != nil {
			return nil, err
		}
		logged.Store(arguments)
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "logged"}}}, nil
	})
	add("repeat", nil, anyArguments, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		text := logged.Load().Text
		return &mcp.CallToolResult{StructuredContent: map[string]any{text: []string{text}}, Content: said("it was " + text).Content}, nil
	})
	add("refuse", nil, anyArguments, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{IsError: true, Content: said("no more after " + logged.Load().Text).Content}, nil
	})
	add("reject", nil, anyArguments, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return nil, fmt.Errorf("no more after %q", logged.Load().Text)
	})
	// die ends the server in the middle of its first call, as kill -9 does.
	for name, annotations := range map[string]*mcp.ToolAnnotations{
		"die_plain": nil, "die_idempotent": {IdempotentHint: true}, "die_read_only": {ReadOnlyHint: true}, "die_destructive": {ReadOnlyHint: false},
	} {
		add(name, annotations, anyArguments, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			if times(name) == 1 {
				fmt.Fprintln(os.Stderr, "something terrible happened")
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
			return said("alive"), nil
		})
	}
	add("die_always", &mcp.ToolAnnotations{IdempotentHint: true}, anyArguments, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	})
	add("wait", nil, anyArguments, func(ctx context.Context, _ *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		<-ctx.Done()
		note("calls", "cancelled")
		return nil, ctx.Err()
	})
	add("exact", nil, anyArguments, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{
			StructuredContent: json.RawMessage(`{"big":1152921504606846977,"small":0.10,"<&>":"\u2028","nested":[9007199254740993]}`),
			Content:           []mcp.Content{&mcp.TextContent{Text: "numbers"}},
		}, nil
	})
	add("environment", nil, anyArguments, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		folder, err := os.Getwd()
		if err != nil {
			return nil, err
		}
		return said(strings.Join(append(os.Environ(), "FOLDER="+folder), "\n")), nil
	})
	add("steps", nil, anyArguments, func(ctx context.Context, request *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		for i := range 3 {
			if err := request.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{
				ProgressToken: request.Params.GetProgressToken(), Progress: float64(i + 1), Total: 3, Message: "step " + os.Getenv("PASSWORD"),
			}); err != nil {
				return nil, err
			}
			if err := heard(ctx, i+1); err != nil {
				return nil, err
			}
		}
		return said("done"), nil
	})
	add("together", nil, anyArguments, together())
	add("fail", nil, anyArguments, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: "no: " + os.Getenv("PASSWORD")}}}, nil
	})
	add("strict", nil, `{"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": false}`,
		func(_ context.Context, request *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return said(string(request.Params.Arguments)), nil
		})
	addTimeout(add)
	addProgress(add)
	if only == "" {
		addOutput(server)
		if err := addTasks(server); err != nil {
			panic(err)
		}
		server.AddResource(&mcp.Resource{URI: "test://numbers", Name: "numbers", MIMEType: "application/json"},
			func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
				return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: "test://numbers", Text: `{"big": 1152921504606846977}`}}}, nil
			})
		server.AddPrompt(&mcp.Prompt{Name: "greet", Arguments: []*mcp.PromptArgument{{Name: "who", Required: true}}},
			func(_ context.Context, request *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
				return &mcp.GetPromptResult{Description: "A greeting", Messages: []*mcp.PromptMessage{
					{Role: "user", Content: &mcp.TextContent{Text: "Greet " + request.Params.Arguments["who"] + "."}},
				}}, nil
			})
	}
	return server
}

func said(text string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}
}

// heard waits until the test has noted that so many steps have come through: an answer may overtake them.
func heard(ctx context.Context, steps int) error {
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for {
		text, err := os.ReadFile(filepath.Join(os.Getenv("NOTES"), "heard"))
		if err == nil && strings.Count(string(text), "\n") >= steps {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// together answers when as many calls are under way as `text` says.
func together() mcp.ToolHandler {
	var entered atomic.Int64
	full := make(chan struct{})
	return func(ctx context.Context, request *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		var arguments struct{ Text string }
		if err := json.Unmarshal(request.Params.Arguments, &arguments); err != nil {
			return nil, err
		}
		number := entered.Add(1)
		note("calls", fmt.Sprintf("together %d", number))
		if fmt.Sprint(number) == arguments.Text {
			close(full)
		}
		select {
		case <-full:
			return said("together"), nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
