package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

const (
	// ExactKey is the key in a result's metadata for the structured content as text, because the SDK turns numbers into floats.
	ExactKey = "gleitzeit/structured-content"
	// BlockKey is the key in a block's metadata for the block as the server wrote it, if the SDK cannot decode it.
	BlockKey = "gleitzeit/block"
	// SchemaKey is the key in a tool's metadata for the schema of its arguments as text, if it has numbers that the SDK would
	// round.
	SchemaKey = "gleitzeit/input-schema"
)

// lists are the results that are lists: the field of the list, what its elements are, and the check of one.
var lists = map[string]struct {
	field, element string
	check          func(json.RawMessage) error
}{
	"tools/list":               {"tools", "tool", decodes[mcp.Tool]},
	"prompts/list":             {"prompts", "prompt", decodes[mcp.Prompt]},
	"resources/list":           {"resources", "resource", decodes[mcp.Resource]},
	"resources/templates/list": {"resourceTemplates", "resource template", decodes[mcp.ResourceTemplate]},
}

// whole are the checks of the results of which nothing can be left out.
var whole = map[string]func(json.RawMessage) error{
	"initialize":      decodes[mcp.InitializeResult],
	"server/discover": decodes[mcp.DiscoverResult],
	"resources/read":  decodes[mcp.ReadResourceResult],
	"prompts/get":     decodes[mcp.GetPromptResult],
}

// decodes returns the error with which a type does not decode.
func decodes[T any](text json.RawMessage) error {
	if isNull(text) {
		return errors.New("it is null")
	}
	var into T
	err := json.Unmarshal(text, &into)
	if mistyped, is := errors.AsType[*json.UnmarshalTypeError](err); is {
		return mistypedError(mistyped)
	}
	return err
}

// mistypedError returns the error of a value of the wrong type in the terms of JSON, not in those of Go.
func mistypedError(err *json.UnmarshalTypeError) error {
	what := "it"
	if err.Field != "" {
		what = fmt.Sprintf("its %q", err.Field)
	}
	is, known := map[string]string{"string": "a string", "number": "a number", "bool": "true or false", "object": "an object", "array": "a list"}[err.Value]
	if !known {
		is = "the " + err.Value // Such as "number 1.5".
	}
	return fmt.Errorf("%s is %s, not %s", what, is, typeName(err.Type))
}

// typeName returns what JSON has for a type.
func typeName(of reflect.Type) string {
	switch of.Kind() {
	case reflect.Pointer:
		return typeName(of.Elem())
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Struct, reflect.Map:
		return "an object"
	default:
		return "a whole number"
	}
}

// result returns the result of a method in a form that the SDK can decode, and whether it differs from what was sent.
func (s *Session) result(method string, sent json.RawMessage) (result json.RawMessage, changed bool, err error) {
	list, isList := lists[method]
	check, isWhole := whole[method]
	if method != "tools/call" && !isList && !isWhole {
		return sent, false, nil
	}
	var fields object
	if err := json.Unmarshal(sent, &fields); err != nil || fields == nil {
		return nil, false, fmt.Errorf("the result of %s is not an object", method)
	}
	if meta := fields["_meta"]; len(meta) > 0 && !isObject(meta) {
		delete(fields, "_meta") // Nothing of it is used.
		changed = true
	}
	switch {
	case isList:
		changed, err = s.list(fields, list.field, list.element, list.check, changed)
	case method == "tools/call":
		changed, err = callResult(fields, changed)
	default:
		changed, err = wholeResult(method, fields, changed)
		if err == nil && changed {
			sent, err = json.Marshal(fields)
		}
		if err == nil {
			err = check(sent)
		}
		return sent, changed, err
	}
	if err != nil || !changed {
		return sent, false, err
	}
	encoded, err := json.Marshal(fields)
	return encoded, true, err
}

// CallResult returns the result of a tool that is within another message in a form that the SDK can decode.
func CallResult(sent json.RawMessage) (json.RawMessage, error) {
	result, _, err := (&Session{}).result("tools/call", sent)
	return result, err
}

func isObject(text json.RawMessage) bool { return isNull(text) || text[0] == '{' }

// list leaves out the elements of a list that the SDK cannot decode.
func (s *Session) list(fields object, field, element string, check func(json.RawMessage) error, changed bool) (bool, error) {
	var elements []json.RawMessage
	if err := json.Unmarshal(fields[field], &elements); err != nil {
		return false, fmt.Errorf("its %q is not a list", field)
	}
	var next string
	if cursor, is := fields["nextCursor"]; is && json.Unmarshal(cursor, &next) != nil {
		return false, errors.New(`its "nextCursor" is not a string`)
	}
	kept := make([]json.RawMessage, 0, len(elements))
	for i, text := range elements {
		err := check(text)
		if err == nil {
			if exact := withSchema(text); exact != nil {
				text, changed = exact, true
			}
			kept = append(kept, text)
			continue
		}
		var named struct {
			Name string `json:"name"`
		}
		_ = json.Unmarshal(text, &named) // The number says enough.
		if named.Name == "" {
			named.Name = fmt.Sprintf("number %d", i+1)
		}
		s.report.Dropped(element, named.Name, err.Error())
	}
	if len(kept) == len(elements) && !changed {
		return false, nil
	}
	encoded, err := json.Marshal(kept)
	fields[field] = encoded
	return true, err
}

// rounded matches numbers that a float may not have exactly, and some other texts.
var rounded = regexp.MustCompile(`\d[\d.]{14,}|\d[eE][-+]?\d{3}`)

// withSchema returns a tool with the schema of its arguments in its metadata, if that has numbers that a float may not have
// exactly; else nil. Other elements have no such schema.
func withSchema(tool json.RawMessage) json.RawMessage {
	var fields object
	if !rounded.Match(tool) || json.Unmarshal(tool, &fields) != nil || !rounded.Match(fields["inputSchema"]) {
		return nil
	}
	if withText(fields, SchemaKey, fields["inputSchema"]) != nil {
		return nil
	}
	encoded, err := json.Marshal(fields)
	if err != nil {
		return nil
	}
	return encoded
}

// withText adds a text to the metadata of an object.
func withText(fields object, key string, text json.RawMessage) error {
	meta := object{}
	if given := fields["_meta"]; !isNull(given) {
		if err := json.Unmarshal(given, &meta); err != nil {
			return err
		}
	}
	encoded, err := json.Marshal(string(text))
	if err != nil {
		return err
	}
	meta[key] = encoded
	fields["_meta"], err = json.Marshal(meta)
	return err
}

// callResult makes the result of a tool decodable: blocks that the SDK does not know are wrapped, and the structured content is
// repeated as text.
func callResult(fields object, changed bool) (bool, error) {
	if content := fields["content"]; !isNull(content) {
		var blocks []json.RawMessage
		if err := json.Unmarshal(content, &blocks); err != nil {
			return false, errors.New("its content is not a list of blocks")
		}
		wrapped := false
		for i, block := range blocks {
			if decodesAsBlock(block) {
				continue
			}
			blocks[i] = wrap(block)
			wrapped = true
		}
		if wrapped {
			encoded, err := json.Marshal(blocks)
			if err != nil {
				return false, err
			}
			fields["content"], changed = encoded, true
		}
	}
	if failed := fields["isError"]; !isNull(failed) {
		var is bool
		if json.Unmarshal(failed, &is) != nil {
			return false, fmt.Errorf("its isError is %s, not true or false", failed)
		}
	}
	structured, is := fields["structuredContent"]
	if !is {
		return changed, nil
	}
	return true, withText(fields, ExactKey, structured)
}

// wholeResult repairs what servers commonly leave out.
func wholeResult(method string, fields object, changed bool) (bool, error) {
	switch method {
	case "initialize", "server/discover":
		if isNull(fields["capabilities"]) {
			fields["capabilities"] = json.RawMessage("{}")
			changed = true
		}
	case "resources/read":
		return changed, noNull(fields["contents"], "contents")
	case "prompts/get":
		return promptMessages(fields, changed)
	}
	return changed, nil
}

// noNull returns an error if a list has an element that is null.
func noNull(list json.RawMessage, name string) error {
	var elements []json.RawMessage
	if isNull(list) {
		return nil
	}
	if err := json.Unmarshal(list, &elements); err != nil {
		return fmt.Errorf("its %q is not a list", name)
	}
	for _, element := range elements {
		if isNull(element) {
			return fmt.Errorf("its %q has an element that is null", name)
		}
	}
	return nil
}

// promptMessages wraps the blocks of a prompt that the SDK does not know.
func promptMessages(fields object, changed bool) (bool, error) {
	if err := noNull(fields["messages"], "messages"); err != nil {
		return false, err
	}
	var messages []object
	if isNull(fields["messages"]) {
		return changed, nil
	}
	if err := json.Unmarshal(fields["messages"], &messages); err != nil {
		return false, errors.New(`its "messages" is not a list of objects`)
	}
	wrapped := false
	for _, message := range messages {
		if block := message["content"]; isObject(block) && !isNull(block) && !decodesAsBlock(block) {
			message["content"] = wrap(block)
			wrapped = true
		}
	}
	if !wrapped {
		return changed, nil
	}
	encoded, err := json.Marshal(messages)
	fields["messages"] = encoded
	return true, err
}

// decodesAsBlock reports whether the SDK can decode a content block.
func decodesAsBlock(block json.RawMessage) bool {
	if isNull(block) {
		return false
	}
	list := bytes.Join([][]byte{[]byte(`{"content":[`), block, []byte(`]}`)}, nil)
	return json.Unmarshal(list, &mcp.CallToolResult{}) == nil
}

// wrap returns a block that the SDK can decode, with the given one in its metadata. The text of a text block stays.
func wrap(block json.RawMessage) json.RawMessage {
	var text struct {
		Type string  `json:"type"`
		Text *string `json:"text"`
	}
	wrapper := map[string]any{"type": "resource_link", "_meta": map[string]string{BlockKey: string(block)}}
	var kind, content json.RawMessage
	var fields object
	if json.Unmarshal(block, &fields) == nil {
		kind, content = fields["type"], fields["text"]
	}
	if json.Unmarshal(kind, &text.Type) == nil && text.Type == "text" && json.Unmarshal(content, &text.Text) == nil && text.Text != nil {
		wrapper["type"], wrapper["text"] = "text", *text.Text
	}
	encoded, err := json.Marshal(wrapper)
	if err != nil {
		panic(err) // Strings can be encoded.
	}
	return encoded
}
