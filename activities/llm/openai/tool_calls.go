package openai

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// toolCalls collects the tool calls of an answer from their pieces.
type toolCalls struct {
	calls   []*toolCall
	byIndex map[int]*toolCall // The last call that has the index.
}

// toolCall is a tool call that has arrived in part.
type toolCall struct {
	id, name  string
	arguments strings.Builder
}

// maxCalls is the maximum number of tool calls of one answer.
const maxCalls = 128

// add adds the pieces of tool calls in a message, or in a piece of one. A piece continues the call with its index, or without an
// index the last call; some servers number no calls, or all of them 0. The error is that of a model that calls too many tools.
func (t *toolCalls) add(message value.Value) error {
	pieces, _ := message.Get("tool_calls")
	for _, piece := range pieces.Elements() {
		function, _ := piece.Get("function")
		index := -1
		if given, is := piece.Get("index"); is {
			if number, err := strconv.Atoi(given.Digits()); err == nil {
				index = number
			}
		}
		call, err := t.callOf(index, text(piece, "id"), text(function, "name"))
		if err != nil {
			return err
		}
		arguments, _ := function.Get("arguments")
		if arguments.Kind() == value.KindObject { // Some servers do not encode them as text.
			call.arguments.Write(arguments.JSON())
		} else {
			call.arguments.WriteString(arguments.Text())
		}
	}
	return nil
}

// callOf returns the call that a piece belongs to.
func (t *toolCalls) callOf(index int, id, name string) (*toolCall, error) {
	var last *toolCall
	if index >= 0 {
		last = t.byIndex[index]
	} else if len(t.calls) > 0 {
		last = t.calls[len(t.calls)-1]
	}
	if last == nil || last.isFollowed(id, name, index >= 0) {
		if len(t.calls) == maxCalls {
			return nil, protocol.Errorf(protocol.TaskResultInvalid, "the model called more than %d tools in one answer", maxCalls)
		}
		last = &toolCall{}
		t.calls = append(t.calls, last)
		if t.byIndex == nil {
			t.byIndex = map[int]*toolCall{}
		}
		t.byIndex[index] = last
	}
	last.id, last.name = cmp.Or(last.id, id), cmp.Or(last.name, name)
	return last, nil
}

// isFollowed reports whether a piece begins another call: one with a name, unless it repeats that of a call whose arguments are
// incomplete. Some versions of vLLM give each piece of one call a new id, so that an id begins a call only where no index says
// which call is continued.
func (c *toolCall) isFollowed(id, name string, indexed bool) bool {
	otherID := id != "" && c.id != "" && id != c.id
	if name == "" || c.name == "" {
		return otherID && !indexed
	}
	return name != c.name || otherID || json.Valid([]byte(c.arguments.String()))
}

// idLength is the length of an id that is made up: some servers accept exactly that.
const idLength = 9

// all returns the calls once they have arrived. A call without an id gets one: servers reject a result that names none.
func (t *toolCalls) all(secrets provider.Secrets) []provider.ToolCall {
	var all []provider.ToolCall
	for _, call := range t.calls {
		if call.id == "" {
			call.id = rand.Text()[:idLength]
		}
		arguments, problem := provider.ParseArguments([]byte(call.arguments.String()), secrets)
		all = append(all, provider.ToolCall{ID: call.id, Name: call.name, Arguments: arguments, Problem: problem})
	}
	return all
}
