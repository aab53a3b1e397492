package openai

import (
	"crypto/rand"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
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

// add adds the pieces of tool calls in a message, or in a piece of one. A piece continues the call with its index, or without
// an index the last call; some servers number no calls, or all of them 0, so that an id or a name begins another call.
func (t *toolCalls) add(message value.Value) {
	pieces, _ := message.Get("tool_calls")
	for _, piece := range pieces.Elements() {
		function, _ := piece.Get("function")
		index := -1
		if given, is := piece.Get("index"); is {
			if number, err := strconv.Atoi(given.Digits()); err == nil {
				index = number
			}
		}
		call := t.callOf(index, text(piece, "id"), text(function, "name"))
		if call == nil {
			return
		}
		arguments, _ := function.Get("arguments")
		if arguments.Kind() == value.KindObject { // Some servers do not encode them as text.
			call.arguments.Write(arguments.JSON())
		} else {
			call.arguments.WriteString(arguments.Text())
		}
	}
}

// callOf returns the call that a piece belongs to; nil if there are too many.
func (t *toolCalls) callOf(index int, id, name string) *toolCall {
	var last *toolCall
	if index >= 0 {
		last = t.byIndex[index]
	} else if len(t.calls) > 0 {
		last = t.calls[len(t.calls)-1]
	}
	begins := last == nil || id != "" && last.id != "" && id != last.id || name != "" && last.name != "" && json.Valid([]byte(last.arguments.String()))
	if begins {
		if len(t.calls) == maxCalls {
			return nil
		}
		last = &toolCall{}
		t.calls = append(t.calls, last)
		if t.byIndex == nil {
			t.byIndex = map[int]*toolCall{}
		}
		t.byIndex[index] = last
	}
	if last.id == "" {
		last.id = id
	}
	if last.name == "" {
		last.name = name
	}
	return last
}

// idLength is the length of an id that is made up: some servers accept exactly that.
const idLength = 9

// all returns the calls once they have arrived. A call without an id gets one: servers reject a result that names none.
func (t *toolCalls) all() []provider.ToolCall {
	var all []provider.ToolCall
	for _, call := range t.calls {
		if call.id == "" {
			call.id = rand.Text()[:idLength]
		}
		arguments, problem := provider.ParseArguments([]byte(call.arguments.String()))
		all = append(all, provider.ToolCall{ID: call.id, Name: call.name, Arguments: arguments, Problem: problem})
	}
	return all
}
