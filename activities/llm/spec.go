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
		Providers: []string{ollamaProvider, openaiProvider},
		Summary:   "Models of Ollama and of OpenAI-compatible servers",
		Methods: []protocol.Method{
			method(Chat, "Have a model answer a prompt or a conversation", "file_path",
				schemaOf(`"anyOf": [{"required": ["prompt"]}, {"required": ["messages"]}]`, words, pictures, conversation, sampling, structure, server),
				schemaOf(required("response", "content", "role"), textResult, conversationResult, counts)),
			method(Vision, "Have a model look at images", "image_path",
				schemaOf(`"anyOf": [{"required": ["image_path"]}, {"required": ["image_paths"]}, {"required": ["images"]}, {"required": ["messages"]}]`,
					words, pictures, conversation, sampling, structure, server),
				schemaOf(required("response", "content", "role"), textResult, conversationResult, counts)),
			method(Generate, "Have a model go on with a prompt that is no conversation", "file_path",
				schemaOf(`"required": ["prompt"]`, words, pictures, completion, sampling, structure, server),
				schemaOf(required("response", "content"), textResult, counts)),
			method(Embed, "Turn texts into vectors", "file_path",
				schemaOf(`"anyOf": [{"required": ["input"]}, {"required": ["prompt"]}, {"required": ["file_path"]}, {"required": ["files"]}]`,
					texts, sampling, server),
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
