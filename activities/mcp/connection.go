package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/jsonschema"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// link is a session with a server, and what is behind it.
type link struct {
	session *mcp.ClientSession
	process *process // Nil where the server is no program of ours.
	finish  func()   // Ends what else is behind it; may be nil.
	hide    hidden
	gone    chan struct{} // Closed when the session has ended, whoever ended it.

	tokens   atomic.Int64
	progress sync.Map // Of calls under way: a protocol.Progress by token.

	listing chan struct{} // Has room for whoever asks for the tools.
	tools   []tool        // Nil until they were asked for; only with the place in listing.
}

// tool is a tool as the server describes it.
type tool struct {
	*mcp.Tool
	arguments *jsonschema.Schema // Nil where its schema is of no use.
	harmless  bool               // It can be called twice as well as once.
}

const (
	// closing is how long a session may take to end whose program is gone already.
	closing = 2 * time.Second
	// mostPages bounds the pages of a list: a server may lead in circles.
	mostPages = 1000
)

// open makes a session over a transport.
func open(ctx context.Context, transport mcp.Transport, hide hidden) (*link, error) {
	l := &link{gone: make(chan struct{}), listing: make(chan struct{}, 1), hide: hide}
	client := mcp.NewClient(&mcp.Implementation{Name: "gleitzeit", Version: "v1"}, &mcp.ClientOptions{
		Logger: slog.New(slog.DiscardHandler),
		// None: a server that is told of roots takes them for the folders that it may use, and there are none.
		Capabilities:                &mcp.ClientCapabilities{},
		ProgressNotificationHandler: l.hearProgress,
	})
	session, err := client.Connect(ctx, transport, nil)
	if err != nil {
		return nil, err
	}
	l.session = session
	go func() {
		_ = session.Wait() // How it ended, the calls on it say.
		close(l.gone)
	}()
	return l, nil
}

// close ends the session and what is behind it.
func (l *link) close() {
	if l.process != nil {
		l.process.end()
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_ = l.session.Close() // Whatever it says, nothing can be done about it.
	}()
	select {
	case <-closed:
	case <-time.After(closing):
	}
	if l.finish != nil {
		l.finish()
	}
}

// last is what the server's program said last before it ended, to go behind a message.
func (l *link) last() string {
	if l.process == nil {
		return ""
	}
	select {
	case <-l.process.said.ended:
	case <-time.After(orphaned):
	}
	return l.process.said.last()
}

// follow makes a call tell how far it has come. The function forgets the call.
func (l *link) follow(params interface{ SetProgressToken(any) }, progress protocol.Progress) (forget func()) {
	token := "gleitzeit-" + strconv.FormatInt(l.tokens.Add(1), 10)
	params.SetProgressToken(token)
	l.progress.Store(token, progress)
	return func() { l.progress.Delete(token) }
}

func (l *link) hearProgress(_ context.Context, request *mcp.ProgressNotificationClientRequest) {
	told, known := l.progress.Load(fmt.Sprint(request.Params.ProgressToken))
	if !known {
		return
	}
	if progress, is := told.(protocol.Progress); is {
		progress(l.hide.text(progressText(request.Params)))
	}
}

// progressText is how far a call has come, for people: "3 of 5: reading".
func progressText(p *mcp.ProgressNotificationParams) string {
	text := strconv.FormatFloat(p.Progress, 'f', -1, 64)
	if p.Total > 0 {
		text += " of " + strconv.FormatFloat(p.Total, 'f', -1, 64)
	}
	if p.Message != "" {
		text += ": " + p.Message
	}
	return text
}

// catalog lists the server's tools; afresh asks it again.
func (l *link) catalog(ctx context.Context, afresh bool) ([]tool, error) {
	select {
	case l.listing <- struct{}{}:
		defer func() { <-l.listing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if l.tools != nil && !afresh {
		return l.tools, nil
	}
	tools := []tool{}
	if l.session.InitializeResult().Capabilities.Tools == nil {
		l.tools = tools
		return tools, nil
	}
	params := &mcp.ListToolsParams{}
	for range mostPages {
		page, err := l.session.ListTools(ctx, params)
		if err != nil {
			return nil, err
		}
		for _, described := range page.Tools {
			tools = append(tools, tool{described, argumentsOf(described), harmless(described.Annotations)})
		}
		if page.NextCursor == "" {
			l.tools = tools
			return tools, nil
		}
		params = &mcp.ListToolsParams{Cursor: page.NextCursor}
	}
	return nil, errEndless("tools")
}

func errEndless(what string) error {
	return protocol.Errorf(protocol.TaskResultInvalid, "the list of %s has more than %d pages", what, mostPages)
}

// harmless tells whether a tool can be called again where it is not known what became of the first call.
func harmless(said *mcp.ToolAnnotations) bool {
	return said != nil && (said.ReadOnlyHint || said.IdempotentHint)
}

// argumentsOf reads the schema of a tool. One that cannot be used checks nothing: the server does that.
func argumentsOf(described *mcp.Tool) *jsonschema.Schema {
	schema, err := json.Marshal(described.InputSchema)
	if err != nil {
		return nil
	}
	compiled, err := jsonschema.Compile(schema)
	if err != nil {
		return nil
	}
	return compiled
}

// find returns the tool of a name. A list that does not have it is asked for once more: lists change.
func (l *link) find(ctx context.Context, name string) (found tool, all []tool, err error) {
	for _, afresh := range []bool{false, true} {
		if all, err = l.catalog(ctx, afresh); err != nil {
			return tool{}, nil, err
		}
		for _, t := range all {
			if t.Name == name {
				return t, all, nil
			}
		}
	}
	return tool{}, all, nil
}
