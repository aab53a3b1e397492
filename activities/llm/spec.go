package llm

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// The methods.
const (
	Chat     = "llm/chat"
	Vision   = "llm/vision"
	Generate = "llm/generate"
	Embed    = "llm/embed"
)

// timeout is that of one attempt where the task names none. A long answer of a large model without a GPU takes many
// minutes; a server that has fallen silent is noticed by the idle timeout.
const timeout = 30 * time.Minute

// Spec describes llm/v1.
func Spec() protocol.Spec {
	return protocol.Spec{
		Name:      "llm/v1",
		Providers: providerNames(),
		Summary:   "Chat, vision, completion and embeddings by language models",
		Methods: []protocol.Method{
			method(Chat, "Have a model answer a prompt or a conversation", "file_path",
				schemaOf(`"anyOf": [{"required": ["prompt"]}, {"required": ["messages"]}]`, words, pictures, conversation, sampling, structure, serverProperties()),
				schemaOf(required("response", "content", "role"), textResult, conversationResult, counts)),
			method(Vision, "Have a model look at images", "image_path",
				schemaOf(`"anyOf": [{"required": ["image_path"]}, {"required": ["image_paths"]}, {"required": ["images"]}, {"required": ["messages"]}]`,
					words, pictures, conversation, sampling, structure, serverProperties()),
				schemaOf(required("response", "content", "role"), textResult, conversationResult, counts)),
			method(Generate, "Have a model go on with a prompt that is no conversation", "file_path",
				schemaOf(`"required": ["prompt"]`, words, pictures, completion, sampling, structure, serverProperties()),
				schemaOf(required("response", "content"), textResult, counts)),
			method(Embed, "Turn texts into vectors", "file_path",
				schemaOf(`"anyOf": [{"required": ["input"]}, {"required": ["prompt"]}, {"required": ["file_path"]}, {"required": ["files"]}]`,
					texts, sampling, serverProperties()),
				schemaOf(required("embeddings"), vectorResult, counts)),
		},
	}
}

func method(name, summary, item string, parameters, result json.RawMessage) protocol.Method {
	return protocol.Method{
		Name: name, Summary: summary, Parameters: parameters, Result: result, Timeout: timeout,
		FileParameters:        []string{"file_path", "files", "image_path", "image_paths"},
		ItemParameter:         item,
		EnforcesTimeout:       true,
		SecretParameters:      []string{"api_key"},
		DestinationParameters: []string{"base_url"},
		ToolsParameter:        "tools",
		Check:                 faultsOf(name),
	}
}

// schemaOf is a JSON Schema of an object with the properties given, and what else it demands.
func schemaOf(demand string, properties ...string) json.RawMessage {
	return json.RawMessage("{\n  \"type\": \"object\",\n  \"properties\": {" + strings.Join(properties, ",") + "\n  },\n  \"additionalProperties\": false,\n  " + demand + "\n}")
}

func required(names ...string) string {
	all, err := json.Marshal(append(names, "model", "done_reason", "tokens_used", "prompt_tokens", "duration", "provider_id"))
	if err != nil {
		panic("llm: " + err.Error()) // They are strings.
	}
	return `"required": ` + string(all)
}

// The parameters, by what they are about.

const words = `
    "model": {"type": "string", "minLength": 1, "description": "Name of the model, as its server lists it"},
    "prompt": {"type": "string", "description": "What the user says; with messages, after them"},
    "system": {"type": "string", "description": "What the model is told before everything else"},
    "file_path": {"type": "string", "minLength": 1, "description": "A text file; its text follows what the user says, after a blank line"},
    "files": {"type": "array", "items": {"type": "string", "minLength": 1}, "description": "Text files; the text of each follows beneath its name"}`

const texts = `
    "model": {"type": "string", "minLength": 1, "description": "Name of the model, as its server lists it"},
    "input": {"type": ["string", "array"], "items": {"type": "string"}, "description": "A text, or a list of texts"},
    "prompt": {"type": "string", "description": "The same as input, of one text"},
    "file_path": {"type": "string", "minLength": 1, "description": "A text file that is one text"},
    "files": {"type": "array", "items": {"type": "string", "minLength": 1}, "description": "Text files that are one text each"},
    "dimensions": {"type": "integer", "minimum": 1, "description": "Length of the vectors, where the model lets it be chosen"}`

const pictures = `
    "image_path": {"type": "string", "minLength": 1, "description": "A file with an image"},
    "image_paths": {"type": "array", "items": {"type": "string", "minLength": 1}, "description": "Files with images"},
    "images": {"type": "array", "items": {"type": "string"}, "description": "Images as base64, or as data: URLs"}`

const conversation = `
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
    "tools": {"type": "array", "items": {"type": "string", "minLength": 1}, "description": "Tools that the model may use, by their names"},
    "max_tool_rounds": {"type": "integer", "minimum": 1, "description": "How often the model may ask for tools; default 8"}`

const completion = `
    "suffix": {"type": "string", "description": "What comes after the answer"},
    "template": {"type": "string", "description": "Instead of the model's own template"},
    "raw": {"type": "boolean", "description": "The prompt goes to the model without a template"}`

const structure = `
    "schema": {"type": "object", "description": "JSON Schema that the answer must fit"},
    "think": {"enum": [true, false, "low", "medium", "high"], "description": "Whether a model that can think does"}`

const sampling = `
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
    "options": {"type": "object", "description": "Further options of the server, handed over as they are"}`

// serverProperties are those that say which server is called, and how.
func serverProperties() string {
	return `
    "provider": {"enum": ["` + strings.Join(providerNames(), `", "`) + `"], "description": "What kind of server it is"},
    "base_url": {"type": "string", "minLength": 1, "description": "The server, instead of those of the settings"},
    "api_key": {"type": "string", "description": "Its key: ${secrets.NAME}"},
    "keep_alive": {"type": ["string", "number"], "description": "How long the model stays in memory: seconds, or 5m; -1 is for ever"},
    "idle_timeout": {"type": ["string", "number"], "description": "How long the server may be silent: seconds, or 90s; default 2m"},
    "on_truncation": {"enum": ["warn", "fail"], "description": "What becomes of a prompt that is longer than num_ctx; default warn"},
    "auto_pull": {"type": "boolean", "description": "Whether a model that the server lacks is fetched"}`
}

// The results.

const textResult = `
    "response": {"type": "string", "description": "What the model answered"},
    "content": {"type": "string", "description": "The same"},
    "parsed": {"description": "With schema: the answer as a value"},
    "thinking": {"type": "string", "description": "What the model thought, where it did"}`

const conversationResult = `
    "role": {"type": "string", "description": "assistant"},
    "tool_calls": {"type": "array", "description": "With tools: each call with its round, tool, arguments, result or error, and duration", "items": {"type": "object"}}`

const vectorResult = `
    "embeddings": {"type": "array", "description": "A vector a text, in their order", "items": {"type": "array", "items": {"type": "number"}}},
    "embedding": {"type": "array", "items": {"type": "number"}, "description": "The first vector"},
    "dimensions": {"type": "integer", "description": "The length of the first vector"}`

const counts = `
    "model": {"type": "string", "description": "Which model answered"},
    "done_reason": {"type": "string", "description": "stop, or length where the answer was cut"},
    "tokens_used": {"type": "integer", "description": "Tokens of the answers, thoughts included"},
    "prompt_tokens": {"type": "integer", "description": "Tokens of what was asked"},
    "duration": {"type": "number", "description": "Seconds, waiting for a slot not counted"},
    "load_duration": {"type": "number", "description": "Seconds of it in which the model was loaded"},
    "prompt_eval_duration": {"type": "number", "description": "Seconds of it in which the prompt was read"},
    "eval_duration": {"type": "number", "description": "Seconds of it in which the answer was written"},
    "provider_id": {"type": "string", "description": "The address of the server that answered"},
    "warning": {"type": "string", "description": "Where the prompt was cut because it was too long"}`
