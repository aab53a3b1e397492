package llm

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/documents/reader"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// The methods.
const (
	Chat       = "llm/chat"
	Vision     = "llm/vision"
	Generate   = "llm/generate"
	Reduce     = "llm/reduce"
	Embed      = "llm/embed"
	Request    = "llm/request"
	Transcribe = "llm/transcribe"
)

// timeout is the default timeout of one attempt. A long answer of a large model without a GPU takes many minutes; the idle
// timeout detects a server that stopped responding.
const timeout = 30 * time.Minute

// Spec describes llm/v1. The provider is that of tasks that name none; empty if the settings are not known: then such a task is
// checked against no provider before it runs.
func Spec(defaultProvider string) protocol.Spec {
	return protocol.Spec{
		Name:      "llm/v1",
		Providers: providerNames(),
		Summary:   "Chat, vision, completion and embeddings by language models",
		Methods: []protocol.Method{
			method(defaultProvider, Chat, "Answer a prompt or continue a conversation", "file_path",
				schemaOf(`"anyOf": [{"required": ["prompt"]}, {"required": ["messages"]}]`, words, pictures, conversation, sampling, structure, serverProperties()),
				schemaOf(required("response", "content", "role"), textResult, conversationResult, counts)),
			method(defaultProvider, Vision, "Answer questions about images", "image_path",
				schemaOf(`"anyOf": [{"required": ["image_path"]}, {"required": ["image_paths"]}, {"required": ["images"]}, {"required": ["messages"]}]`,
					words, pictures, conversation, sampling, structure, serverProperties()),
				schemaOf(required("response", "content", "role"), textResult, conversationResult, counts)),
			method(defaultProvider, Generate, "Complete a prompt that is not a conversation", "file_path",
				schemaOf(`"required": ["prompt"]`, words, pictures, completion, sampling, structure, serverProperties()),
				schemaOf(required("response", "content"), textResult, counts)),
			reduceMethod(defaultProvider),
			method(defaultProvider, Embed, "Turn texts into embedding vectors", "file_path",
				schemaOf(`"anyOf": [{"required": ["input"]}, {"required": ["prompt"]}, {"required": ["file_path"]}, {"required": ["files"]}]`,
					texts, sampling, serverProperties()),
				schemaOf(required("embeddings"), vectorResult, counts)),
			method(defaultProvider, Request, "Send the body of a request to the server as it is", "",
				schemaOf(`"required": ["url", "body"]`, wholeRequest, destination()),
				schemaOf(`"required": ["status_code", "request_id", "body", "model", "tokens_used", "prompt_tokens", "duration", "provider_id"]`, response, consumption)),
			method(defaultProvider, Transcribe, "Write down what is said in a recording", "file_path",
				schemaOf(`"required": ["file_path"]`, recording, serverProperties()),
				schemaOf(required("response", "content"), transcript, counts)),
		},
	}
}

func method(defaultProvider, name, summary, item string, parameters, result json.RawMessage) protocol.Method {
	splits := []string{"file_path", "files"}
	if name == Embed {
		splits = nil
	}
	return protocol.Method{
		Name: name, Summary: summary, Parameters: parameters, Result: result, Timeout: timeout,
		FileParameters:        []string{"file_path", "files", "image_path", "image_paths"},
		ContentParameters:     []string{"file_path", "image_path", "image_paths"}, // Names of `files` are part of the prompt.
		ItemParameter:         item,
		EnforcesTimeout:       true,
		SecretParameters:      []string{"api_key"},
		DestinationParameters: []string{"base_url"},
		ToolsParameter:        "tools",
		Splits:                splits,
		Check:                 checkOf(name, defaultProvider),
	}
}

// reduceMethod is the method whose handler is called for each group of texts.
func reduceMethod(defaultProvider string) protocol.Method {
	m := method(defaultProvider, Reduce, "Make one answer of many texts, in rounds", "",
		schemaOf(`"required": ["prompt", "input"]`, manyTexts, sampling, strings.Replace(structure, "default warn", "default fail", 1), serverConnection()),
		schemaOf(`"required": ["tokens_used", "prompt_tokens", "rounds", "calls", "inputs"]`, textResult, reducedResult, counts))
	m.FileParameters, m.ContentParameters, m.ToolsParameter, m.Splits = nil, nil, "", nil
	m.ReduceParameter, m.GroupParameter = "input", "group_by"
	return m
}

// schemaOf makes a JSON Schema of an object with the properties, and further constraints.
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

// The parameters, by subject.

const words = `
    "model": {"type": "string", "minLength": 1, "description": "Name of the model, as its server lists it"},
    "models": {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}, "description": "Models to ask one after another, instead of model, until an answer is good enough"},
    "escalate_on": {"type": "array", "items": {"enum": ["schema", "cut", "missing"]}, "description": "When the next of models is asked: the answer does not match its schema, is not whole, or the model is missing; default all"},
    "prompt": {"type": "string", "description": "Message of the user; with messages, the last one"},
    "system": {"type": "string", "description": "System message: instructions for the model"},
    "file_path": {"type": "string", "minLength": 1, "description": "Document, whose text is appended to the message of the user after a blank line"},
    "files": {"type": "array", "items": {"type": "string", "minLength": 1}, "description": "Documents, whose texts are appended to the message of the user under their names"},
    "on_no_text": {"enum": ["fail", "vision"], "description": "What to do with pages without text, as those of a scan: fail if no page has text, or send them as images to a model that accepts them; default fail"},` + reader.Properties

const manyTexts = `
    "model": {"type": "string", "minLength": 1, "description": "Name of the model, as its server lists it"},
    "models": {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}, "description": "Models to ask one after another, instead of model, until an answer is good enough"},
    "escalate_on": {"type": "array", "items": {"enum": ["schema", "cut", "missing"]}, "description": "When the next of models is asked: the answer does not match its schema, is not whole, or the model is missing; default all"},
    "prompt": {"type": "string", "minLength": 1, "description": "What is asked about each group of texts, and about the answers, until one is left"},
    "system": {"type": "string", "description": "System message: instructions for the model"},
    "input": {"type": "array", "description": "Texts, such as the answers of a batch: ${batch.results[*].result.response}"},
    "group_by": {"type": "string", "minLength": 1, "description": "One answer for each group of elements of input with an equal key, such as ${item.item.category}"}`

const texts = `
    "model": {"type": "string", "minLength": 1, "description": "Name of the model, as its server lists it"},
    "input": {"type": ["string", "array"], "items": {"type": "string"}, "description": "Text, or a list of texts"},
    "prompt": {"type": "string", "description": "Same as input, for one text"},
    "file_path": {"type": "string", "minLength": 1, "description": "Document to embed as one text"},
    "files": {"type": "array", "items": {"type": "string", "minLength": 1}, "description": "Documents to embed, one text each"},
    "dimensions": {"type": "integer", "minimum": 1, "description": "Length of the vectors, for models that support several"},` + reader.Properties

const wholeRequest = `
    "url": {"enum": ["/v1/chat/completions", "/v1/embeddings", "/v1/completions", "/v1/responses"], "description": "What is called of the API under /v1"},
    "body": {"type": "object", "description": "The request, sent as it is but for its model"},
    "model": {"type": "string", "minLength": 1, "description": "Name of the model, instead of that in the body"},
    "model_names": {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}, "description": "Names of models on the server, by those in bodies"}`

const recording = `
    "model": {"type": "string", "minLength": 1, "description": "Name of the model, as its server lists it"},
    "file_path": {"type": "string", "minLength": 1, "description": "Recording, such as MP3, WAV or FLAC"},
    "language": {"type": "string", "minLength": 2, "description": "Language that is spoken, such as en or de; by default the model finds out"},
    "prompt": {"type": "string", "description": "Text that helps the model, such as names that occur"},
    "temperature": {"type": "number", "minimum": 0},
    "options": {"type": "object", "description": "Further fields of the request, passed to the server unchanged"}`

const pictures = `
    "image_path": {"type": "string", "minLength": 1, "description": "Image file, or a PDF document, whose pages are sent as images"},
    "image_paths": {"type": "array", "items": {"type": "string", "minLength": 1}, "description": "Image files, or PDF documents"},
    "images": {"type": "array", "items": {"type": "string"}, "description": "Images as base64 or data: URLs"},
    "max_image_size": {"type": "integer", "minimum": 0, "description": "Maximum width and height of images in pixels: larger ones are scaled down; 0 = no limit, default that of the settings, 2048"}`

const conversation = `
    "messages": {"type": "array", "minItems": 1, "description": "The conversation so far", "items": {
      "type": "object",
      "properties": {
        "role": {"enum": ["system", "user", "assistant"]},
        "content": {"type": "string"},
        "images": {"type": "array", "items": {"type": "string"}, "description": "Images as base64 or data: URLs"}
      },
      "required": ["role", "content"],
      "additionalProperties": false
    }},
    "tools": {"type": "array", "items": {"type": "string", "minLength": 1}, "description": "Names of tools that the model may call"},
    "tool_choice": {"type": "string", "minLength": 1, "description": "auto, none, required, or the name of the tool that the model must call first; default auto"},
    "max_tool_rounds": {"type": "integer", "minimum": 1, "description": "Maximum number of rounds of tool calls; default 8"}`

const completion = `
    "suffix": {"type": "string", "description": "Text after the answer"},
    "template": {"type": "string", "description": "Prompt template, instead of that of the model"},
    "raw": {"type": "boolean", "description": "Whether the prompt is sent without a template"}`

const structure = `
    "schema": {"type": "object", "description": "JSON Schema of the answer"},
    "on_cut_answer": {"enum": ["warn", "fail", "continue"], "description": "What to do with an answer that is not whole; default warn"},
    "logprobs": {"type": "boolean", "description": "Whether the result has the log probabilities of the tokens"},
    "top_logprobs": {"type": "integer", "minimum": 0, "maximum": 20, "description": "With logprobs: number of alternatives to each token"},
    "think": {"enum": [true, false, "low", "medium", "high", "max"], "description": "Whether a thinking model thinks, and how much"}`

const sampling = `
    "max_tokens": {"type": "integer", "minimum": 1, "description": "Maximum number of tokens of the answer"},
    "stop": {"type": ["string", "array"], "minLength": 1, "items": {"type": "string", "minLength": 1}, "description": "Texts that stop the answer"},
    "temperature": {"type": "number", "minimum": 0},
    "top_p": {"type": "number", "minimum": 0, "maximum": 1},
    "top_k": {"type": "integer"},
    "min_p": {"type": "number", "minimum": 0, "maximum": 1},
    "typical_p": {"type": "number"},
    "seed": {"type": "integer"},
    "num_ctx": {"type": "integer", "minimum": 1, "description": "Size of the context: tokens of prompt and answer together"},
    "num_predict": {"type": "integer", "description": "Same as max_tokens; -1 is no limit"},
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
    "options": {"type": "object", "description": "Further options, passed to the server unchanged"}`

// destination are the parameters about where a call is sent.
func destination() string {
	return `
    "provider": {"enum": ["` + strings.Join(providerNames(), `", "`) + `"], "description": "Kind of server"},
    "base_url": {"type": "string", "minLength": 1, "description": "Address of the server, instead of those of the settings"},
    "api_key": {"type": "string", "description": "API key of the server: ${secrets.NAME}"},
    "auto_pull": {"type": "boolean", "description": "Whether a missing model is fetched"}`
}

// serverConnection are those that do not depend on what is sent.
func serverConnection() string {
	return destination() + `,
    "keep_alive": {"type": ["string", "number"], "description": "How long the model stays in memory after the call: seconds, or 5m; -1 = forever"},
    "idle_timeout": {"type": ["string", "number"], "description": "Maximum time without a token from the server: seconds, or 90s; default 2m"}`
}

// serverProperties are the parameters about the server.
func serverProperties() string {
	return serverConnection() + `,
    "on_truncation": {"enum": ["warn", "fail", "fit", "split"], "description": "What to do with a prompt that is longer than the context: cut it, fail, raise num_ctx and read files in parts where that is not possible, or split the files into chunks that are each answered; default warn"}`
}

// The results.

const textResult = `
    "response": {"type": "string", "description": "Answer of the model"},
    "content": {"type": "string", "description": "Same as response"},
    "parsed": {"description": "With schema: the answer as JSON"},
    "chunks": {"type": "array", "description": "Of a document that was split: each chunk with its place and its response", "items": {"type": "object"}},
    "logprobs": {"type": "array", "description": "With logprobs: the log probability of each token", "items": {"type": "object"}},
    "thinking": {"type": "string", "description": "Thoughts of a thinking model"}`

const reducedResult = `
    "results": {"type": "array", "description": "With group_by: the answer of each group, with its key as group, in order of first appearance", "items": {"type": "object"}},
    "inputs": {"type": "integer", "description": "Number of texts"},
    "left_out": {"type": "integer", "description": "Number of elements of input without a text"},
    "rounds": {"type": "integer", "description": "Number of rounds until one answer was left"},
    "calls": {"type": "integer", "description": "Number of calls in all rounds"}`

const transcript = `
    "response": {"type": "string", "description": "What is said"},
    "content": {"type": "string", "description": "Same as response"}`

const conversationResult = `
    "role": {"type": "string", "description": "assistant"},
    "parts": {"type": "integer", "description": "With on_truncation: fit: number of parts in which the files were read, if the context could not be raised"},
    "tool_calls": {"type": "array", "description": "With tools: each call with its round, tool, arguments, result or error, and duration", "items": {"type": "object"}}`

const vectorResult = `
    "embeddings": {"type": "array", "description": "One vector for each text, in their order", "items": {"type": "array", "items": {"type": "number"}}},
    "embedding": {"type": "array", "items": {"type": "number"}, "description": "First vector"},
    "dimensions": {"type": "integer", "description": "Length of the first vector"}`

const response = `
    "status_code": {"type": "integer", "description": "HTTP status of the response"},
    "request_id": {"type": "string", "description": "Id of the request: that of the server, if it gave one"},
    "body": {"type": "object", "description": "The response as it is"}`

const consumption = `
    "model": {"type": "string", "description": "Model that was asked"},
    "tokens_used": {"type": "integer", "description": "Tokens of the answer, as the server counted"},
    "prompt_tokens": {"type": "integer", "description": "Tokens of the prompt"},
    "duration": {"type": "number", "description": "Seconds, without waiting for a free slot"},
    "provider_id": {"type": "string", "description": "Address of the server that answered"},
    "warning": {"type": "string", "description": "Set if the server refused the request, the prompt was cut, or an answer is not whole"}`

const counts = `
    "model": {"type": "string", "description": "Model that answered"},
    "done_reason": {"type": "string", "description": "stop, or length if the answer was cut off"},
    "tokens_used": {"type": "integer", "description": "Tokens of the answer, including thoughts"},
    "prompt_tokens": {"type": "integer", "description": "Tokens of the prompt"},
    "duration": {"type": "number", "description": "Seconds, without waiting for a free slot"},
    "load_duration": {"type": "number", "description": "Seconds spent loading the model"},
    "prompt_eval_duration": {"type": "number", "description": "Seconds spent reading the prompt"},
    "eval_duration": {"type": "number", "description": "Seconds spent writing the answer"},
    "provider_id": {"type": "string", "description": "Address of the server that answered"},
    "warning": {"type": "string", "description": "Set if the prompt was cut, or the answer is not whole"}`
