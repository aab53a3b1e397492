package llm

import (
	"encoding/json"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// The methods.
const (
	Chat   = "llm/chat"
	Vision = "llm/vision"
)

// timeout is that of one attempt where the task names none. A long answer of a large model without a GPU takes many
// minutes; a server that has fallen silent is noticed by the idle timeout.
const timeout = 30 * time.Minute

// Spec describes llm/v1.
func Spec() protocol.Spec {
	method := func(name, summary, item, needs string) protocol.Method {
		return protocol.Method{
			Name:           name,
			Summary:        summary,
			Parameters:     json.RawMessage(parameters + needs + "\n}"),
			Result:         json.RawMessage(result),
			Timeout:        timeout,
			FileParameters: []string{"file_path", "image_path", "image_paths"},
			ItemParameter:  item,
			KeepsTime:      true,
		}
	}
	return protocol.Spec{
		Name:     "llm/v1",
		Provider: "ollama",
		Summary:  "Models of an Ollama server",
		Methods: []protocol.Method{
			method(Chat, "Have a model answer a prompt or a conversation", "file_path",
				`"anyOf": [{"required": ["prompt"]}, {"required": ["messages"]}]`),
			method(Vision, "Have a model look at images", "image_path",
				`"anyOf": [{"required": ["image_path"]}, {"required": ["image_paths"]}, {"required": ["images"]}, {"required": ["messages"]}]`),
		},
	}
}

const parameters = `{
  "type": "object",
  "properties": {
    "model": {"type": "string", "minLength": 1, "description": "As ollama list shows it"},
    "prompt": {"type": "string", "description": "What the user says; with messages, after them"},
    "messages": {"type": "array", "minItems": 1, "description": "The conversation so far", "items": {
      "type": "object",
      "properties": {
        "role": {"enum": ["system", "user", "assistant"]},
        "content": {"type": "string"},
        "images": {"type": "array", "items": {"type": "string"}, "description": "Base64, or data: URLs"}
      },
      "required": ["role", "content"],
      "additionalProperties": false
    }},
    "system": {"type": "string", "description": "What the model is told before everything else"},
    "file_path": {"type": "string", "minLength": 1, "description": "A text file; its text follows what the user says, after a blank line"},
    "image_path": {"type": "string", "minLength": 1, "description": "A file with an image"},
    "image_paths": {"type": "array", "items": {"type": "string", "minLength": 1}, "description": "Files with images"},
    "images": {"type": "array", "items": {"type": "string"}, "description": "Images as base64, or as data: URLs"},
    "schema": {"type": "object", "description": "JSON Schema that the answer must fit"},
    "think": {"enum": [true, false, "low", "medium", "high"], "description": "Whether a model that can think does"},
    "max_tokens": {"type": "integer", "minimum": 1, "description": "The most tokens of an answer"},
    "stop": {"type": ["string", "array"], "items": {"type": "string"}, "description": "Texts that end the answer"},
    "temperature": {"type": "number", "minimum": 0},
    "top_p": {"type": "number", "minimum": 0, "maximum": 1},
    "top_k": {"type": "integer"},
    "min_p": {"type": "number", "minimum": 0, "maximum": 1},
    "typical_p": {"type": "number"},
    "seed": {"type": "integer"},
    "num_ctx": {"type": "integer", "minimum": 1, "description": "Tokens of prompt and answer together"},
    "num_predict": {"type": "integer", "description": "The same as max_tokens; -1 is no limit"},
    "num_keep": {"type": "integer"},
    "num_batch": {"type": "integer", "minimum": 1},
    "num_gpu": {"type": "integer"},
    "main_gpu": {"type": "integer"},
    "num_thread": {"type": "integer"},
    "use_mmap": {"type": "boolean"},
    "repeat_last_n": {"type": "integer"},
    "repeat_penalty": {"type": "number"},
    "presence_penalty": {"type": "number"},
    "frequency_penalty": {"type": "number"},
    "options": {"type": "object", "description": "Further options of Ollama, handed over as they are"},
    "keep_alive": {"type": ["string", "number"], "description": "How long the model stays in memory: seconds, or 5m; -1 is for ever"},
    "idle_timeout": {"type": ["string", "number"], "description": "How long Ollama may be silent: seconds, or 90s; default 2m"}
  },
  "additionalProperties": false,
  `

const result = `{
  "type": "object",
  "properties": {
    "response": {"type": "string", "description": "What the model answered"},
    "content": {"type": "string", "description": "The same"},
    "role": {"type": "string", "description": "assistant"},
    "model": {"type": "string", "description": "Which model answered"},
    "parsed": {"description": "With schema: the answer as a value"},
    "thinking": {"type": "string", "description": "What the model thought, where it did"},
    "done_reason": {"type": "string", "description": "stop, or length where the answer was cut"},
    "tokens_used": {"type": "integer", "description": "Tokens of the answer, thoughts included"},
    "prompt_tokens": {"type": "integer", "description": "Tokens of what was asked"},
    "duration": {"type": "number", "description": "Seconds, waiting for a slot not counted"},
    "provider_id": {"type": "string", "description": "The address of the server that answered"},
    "warning": {"type": "string", "description": "Where the prompt was cut because it was too long"}
  },
  "required": ["response", "content", "role", "model", "done_reason", "tokens_used", "prompt_tokens", "duration", "provider_id"]
}`
