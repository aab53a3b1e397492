// Command legacy is an MCP server for tests that knows only initialize, without an SDK: over stdio, or with -http over
// streamable HTTP. Its tools send what their argument says, byte for byte. It notes in the folder that NOTES names its process
// id in "started", each message that it received in "received", and its address in "address".
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

var (
	first   = flag.String("first", "error", "what it does with a first message that is not initialize: error, exit, exit0, silent, null-id, text, or empty; or an error and then exit, close (of its output), silent, stuck (reads no more) or error: error-exit, …")
	before  = flag.String("print", "", "text to print before anything else")
	version = flag.String("version", "2025-06-18", "the revision of MCP that it supports")
	lists   = flag.String("tools", "", "further tools, as JSON objects separated by commas")
	address = flag.String("http", "", "address to serve at, instead of stdio")
	events  = flag.Bool("events", false, "answer over HTTP with server-sent events")
	help    = flag.Bool("usage", false, "print how it is used, and exit, like a program that is not an MCP server")
	late    = flag.Bool("late", false, "begin to read when there is a file \"go\" in the folder of notes")
)

type message struct {
	ID     json.RawMessage
	Method string
	Params struct {
		Name      string
		Arguments struct{ Text string }
	}
}

// server is the server, of all its sessions over HTTP.
type server struct {
	mu      sync.Mutex
	ready   bool
	release chan struct{}   // Closed by the tool "release", for calls of "wait".
	spoiled map[string]bool // Connections that got an error after which no session can begin on them.
}

func main() {
	flag.Parse()
	note("started", strconv.Itoa(os.Getpid()))
	if *help {
		fmt.Println("usage: legacy COMMAND\n\nthe password is " + os.Getenv("PASSWORD"))
		return
	}
	fmt.Print(*before)
	for *late && !noted("go") {
		time.Sleep(time.Millisecond)
	}
	s := &server{release: make(chan struct{}), spoiled: map[string]bool{}}
	if *address != "" {
		panic(s.serveHTTP())
	}
	var writing sync.Mutex
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		note("received", method(line))
		send := func(text string) {
			writing.Lock()
			defer writing.Unlock()
			if _, err := io.WriteString(os.Stdout, text+"\n"); err != nil {
				panic(err)
			}
		}
		if *first == "error-stuck" {
			s.handle(line, "", send)
		} else {
			go s.handle(line, "", send)
		}
	}
}

func method(line []byte) string {
	var m message
	if err := json.Unmarshal(line, &m); err != nil {
		panic(err)
	}
	return m.Method
}

// handle handles a message of a connection. It reports whether it sent something.
func (s *server) handle(line []byte, from string, send func(string)) bool {
	var m message
	if err := json.Unmarshal(line, &m); err != nil {
		panic(err)
	}
	reply := func(what string) { send(`{"jsonrpc":"2.0","id":` + string(m.ID) + `,` + what + `}`) }
	result := func(text string) { reply(`"result":` + text) }
	s.mu.Lock()
	spoiled := s.spoiled[from]
	ready := s.ready || m.Method == "initialize" && !spoiled
	s.ready = ready
	s.spoiled[from] = spoiled || !ready && strings.HasPrefix(*first, "error-")
	s.mu.Unlock()
	switch {
	case spoiled && *first != "error-error":
		select {}
	case !ready:
		return s.refuse(m, send)
	case m.ID == nil:
		return false
	case m.Method == "initialize":
		result(`{"protocolVersion":"` + *version + `","capabilities":{"tools":{},"resources":{},"prompts":{}},"serverInfo":{"name":"legacy","version":"1"}}`)
	case m.Method == "tools/list":
		tools := `{"name":"send","inputSchema":{"type":"object"}},{"name":"wait","inputSchema":{"type":"object"}},{"name":"release","inputSchema":{"type":"object"}},` +
			`{"name":"large","inputSchema":{"type":"object"}},{"name":"limited","inputSchema":{"type":"object","properties":{"n":{"maximum":9007199254740993,"minimum":0}}}}`
		if *lists != "" {
			tools += "," + *lists
		}
		result(`{"tools":[` + tools + `]}`)
	case m.Method == "resources/list":
		result(`{"resources":[{"uri":"test://good","name":"good"},{"uri":5,"name":"bad"}]}`)
	case m.Method == "resources/read":
		result(`{"contents":[null]}`)
	case m.Method == "prompts/get":
		result(`{"messages":[{"role":"user","content":{"type":"chart","data":[1]}},{"role":"user","content":{"type":"text","text":"good"}}]}`)
	case m.Method == "tools/call" && m.Params.Name == "send":
		text := strings.NewReplacer("$ID", string(m.ID), "$PASSWORD", os.Getenv("PASSWORD")).Replace(m.Params.Arguments.Text)
		send(text)
	case m.Method == "tools/call" && m.Params.Name == "wait":
		note("received", "waiting")
		<-s.release
		result(`{"content":[{"type":"text","text":"waited"}]}`)
	case m.Method == "tools/call" && m.Params.Name == "release":
		close(s.release)
		result(`{"content":[{"type":"text","text":"released"}]}`)
	case m.Method == "tools/call" && m.Params.Name == "large":
		size, where, _ := strings.Cut(m.Params.Arguments.Text, " ")
		n, err := strconv.Atoi(size)
		if err != nil {
			panic(err)
		}
		content := `"result":{"content":[{"type":"text","text":"` + strings.Repeat("x", n) + `"}]}`
		if where == "end" {
			send(`{` + content + `,"jsonrpc":"2.0","id":` + string(m.ID) + `}`)
		} else {
			reply(content)
		}
	default:
		reply(`"error":{"code":-32601,"message":"Method not found"}`)
	}
	return true
}

// refuse is what the server does with a first message that is not initialize.
func (s *server) refuse(m message, send func(string)) bool {
	switch *first {
	case "exit":
		fmt.Fprintln(os.Stderr, "error: expected initialize request, got "+m.Method)
		os.Exit(1)
	case "exit0":
		os.Exit(0)
	case "silent":
		select {}
	case "null-id":
		send(`{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Invalid Request"}}`)
		select {} // It is good for nothing any more.
	case "text":
		send("Bad Request")
	case "empty":
		send(`{"jsonrpc":"2.0","id":` + string(m.ID) + `,"result":{}}`)
	default:
		send(`{"jsonrpc":"2.0","id":` + string(m.ID) + `,"error":{"code":-32002,"message":"not initialized"}}`)
		s.afterError()
	}
	return true
}

// afterError is what the server does after the error.
func (s *server) afterError() {
	switch *first {
	case "error-exit":
		os.Exit(1)
	case "error-close":
		if err := os.Stdout.Close(); err != nil {
			panic(err)
		}
	case "error-stuck":
		time.Sleep(time.Hour) // Without select, which is an error where no goroutine is left.
	}
}

func (s *server) serveHTTP() error {
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		return err
	}
	note("address", "http://"+listener.Addr().String()+"/mcp")
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || err != nil {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		note("received", method(body))
		done := make(chan bool, 1)
		go func() {
			done <- s.handle(body, r.RemoteAddr, func(text string) {
				w.Header().Set("Content-Type", "application/json")
				if *events {
					w.Header().Set("Content-Type", "text/event-stream")
					text = "data: " + strings.ReplaceAll(text, "\n", "\ndata: ") + "\n\n"
				}
				_, _ = io.WriteString(w, text) // The client may have gone.
				w.(http.Flusher).Flush()
			})
		}()
		select {
		case answered := <-done:
			if !answered {
				w.WriteHeader(http.StatusAccepted)
			}
		case <-r.Context().Done():
		}
	}))
}

func note(name, text string) {
	file, err := os.OpenFile(filepath.Join(os.Getenv("NOTES"), name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
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

func noted(name string) bool {
	_, err := os.Stat(filepath.Join(os.Getenv("NOTES"), name))
	return err == nil
}
