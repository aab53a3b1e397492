package llm_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

const invoice = `"schema":{"type":"object","properties":{"title":{"type":"string"},"total":{"type":"number"}},"required":["title","total"]}`

// JSON that is in an answer is found, and the model is asked once.
func TestJSONThatIsThere(t *testing.T) {
	const good = `{\"title\": \"Invoice 7\", \"total\": 12.50}`
	for name, events := range map[string][]string{
		"fence":     {delta("{\"content\":\"Here you are:\\n```json\\n" + good + "\\n```\\n\"}")},
		"think":     {delta(`{"content":"<think>\nThe user wants {JSON}.\n</think>\n\n` + good + `"}`)},
		"tag alone": {delta(`{"content":"A draft: {\"title\": \"\", \"total\": 0}\n</think>\n\n` + good + `"}`)},
		"text":      {delta(`{"content":"Sure! ` + good + ` Anything else?"}`)},
		"reasoning": {delta(`{"content":null,"reasoning_content":"` + good + `"}`)},
		"field":     {delta(`{"content":"","reasoning":"So: ` + good + `"}`)},
	} {
		url := serving(t, speaking(append(events, ended("stop"), over)...))
		result := ask(t, open(t, llm.Options{}), llm.Chat, compatibleCall(url, `,`+invoice))
		want(t, result, map[string]string{"parsed": `{"title":"Invoice 7","total":12.50}`, "warning": ""})
		if result.Usage.LLMCalls != 1 || field(result, "response") == `""` {
			t.Errorf("%s: %d calls, response %s", name, result.Usage.LLMCalls, field(result, "response"))
		}
	}
}

// What servers do not enforce is checked.
func TestWhatServersDoNotEnforce(t *testing.T) {
	for schema, test := range map[string]struct{ answer, why string }{
		`{"type":"string","format":"email"}`:           {`"nobody"`, "answer: 'nobody' is not valid email: missing @"},
		`{"type":"number","maximum":5}`:                {`7`, "answer: maximum: got 7, want 5"},
		`{"type":"array","uniqueItems":true}`:          {`[1,1]`, "answer: items at 0 and 1 are equal"},
		`{"type":"object","minProperties":1}`:          {`{}`, "answer: minProperties: got 0, want 1"},
		`{"type":"string","pattern":"^(?:tea|cake)$"}`: {`"pie"`, "answer: 'pie' does not match pattern '^(?:tea|cake)$'"},
	} {
		got := fails(t, t.Context(), scripted(t, answering(test.answer)), asking(t, llm.Chat, `{"prompt":"x","schema":`+schema+`}`), nil)
		if got.Code != protocol.TaskResultInvalid || !strings.Contains(got.Message, "even after a second request: "+test.why) {
			t.Errorf("%s: %s: %s", schema, got.Name, got.Message)
		}
	}
}

// checked is what validate finds in the parameters of llm/chat, with Ollama as the default provider.
func checked(t testing.TB, parameters string) (errors, notes []protocol.ParameterError) {
	t.Helper()
	return checkedFor(t, "ollama", parameters)
}

func checkedFor(t testing.TB, defaultProvider, parameters string, unknown ...string) (errors, notes []protocol.ParameterError) {
	t.Helper()
	for _, method := range llm.Spec(defaultProvider).Methods {
		if method.Name != llm.Chat {
			continue
		}
		given, err := value.Parse([]byte(parameters))
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range method.Check(given, unknown) {
			if found.Note {
				notes = append(notes, found)
			} else {
				errors = append(errors, found)
			}
		}
	}
	return errors, notes
}

// What Ollama does not support is only found where a task has that provider.
func TestParametersAreCheckedForTheirProvider(t *testing.T) {
	const parameters = `{"prompt":"x","tools":["add"],"tool_choice":"required","schema":{"type":"string","pattern":"[0-9]+"}PROVIDER}`
	for _, test := range []struct {
		defaultProvider, provider string
		unknown                   []string
		errors                    int
	}{
		{"ollama", "", nil, 2}, {"openai", "", nil, 0}, {"", "", nil, 0}, {"openai", "ollama", nil, 2}, {"ollama", "openai", nil, 0}, {"", "ollama", nil, 2},
		{"ollama", "", []string{"provider"}, 0}, // Set by a reference.
	} {
		given := strings.Replace(parameters, "PROVIDER", "", 1)
		if test.provider != "" {
			given = strings.Replace(parameters, "PROVIDER", `,"provider":"`+test.provider+`"`, 1)
		}
		if found, _ := checkedFor(t, test.defaultProvider, given, test.unknown...); len(found) != test.errors {
			t.Errorf("%+v: %v", test, found)
		}
	}
}

// Definitions of a schema that nothing refers to are not read by Ollama.
func TestUnusedDefinitionsOfASchema(t *testing.T) {
	const schema = `{"type":"object","properties":{"a":{"$ref":"#/$defs/used"}},"$defs":{"used":{"type":"array","items":{"$ref":"#/$defs/element"}},"element":ELEMENT,"unused":{"description":"hm","items":{"$ref":"#/$defs/other"}},"other":true}}`
	found, _ := checked(t, `{"prompt":"x","schema":`+strings.Replace(schema, "ELEMENT", `{"type":"string"}`, 1)+`}`)
	if len(found) > 0 {
		t.Errorf("%v", found)
	}
	found, _ = checked(t, `{"prompt":"x","schema":`+strings.Replace(schema, "ELEMENT", `{"description":"hm"}`, 1)+`}`)
	if len(found) != 1 || found[0].Message != "Ollama cannot use schema.$defs.element: it has no type" {
		t.Errorf("%v", found)
	}
}

// A schema that Ollama cannot use is found before it is called, and only such a one.
func TestSchemasThatOllamaCannotUse(t *testing.T) {
	const object = `{"type":"object","properties":{"a":A},"required":["a"]}`
	for property, message := range map[string]string{
		`{"type":"string","pattern":"^abc$"}`: "",
		`{"type":"string","pattern":"abc"}`:   "Ollama cannot use schema.properties.a: the pattern is not anchored",
		`{"$ref":"#"}`:                        "Ollama cannot use schema.properties.a: it refers to the whole schema",
		`{"description":"hm"}`:                "Ollama cannot use schema.properties.a: it has no type",
		`{"not":{"type":"string"}}`:           "Ollama cannot use schema.properties.a: it has no type",
		`true`:                                "Ollama cannot use schema.properties.a: it is not an object",
		`{"type":"array","items":false}`:      "Ollama cannot use schema.properties.a.items: it is not an object",
		`{}`:                                  "",
		`{"type":"integer","not":{"description":"x"}}`:        "",
		`{"type":"string","format":"email"}`:                  "",
		`{"format":"date-time"}`:                              "",
		`{"format":"email"}`:                                  "Ollama cannot use schema.properties.a: it has no type",
		`{"type":["string","null"]}`:                          "",
		`{"enum":["tea","cake"],"description":"notes"}`:       "",
		`{"anyOf":[{"type":"null"},{"const":1}]}`:             "",
		`{"type":"object","additionalProperties":true}`:       "",
		`{"type":"array","items":{"title":"no type at all"}}`: "Ollama cannot use schema.properties.a.items: it has no type",
	} {
		schema := strings.ReplaceAll(object, "A", property)
		found, _ := checked(t, `{"prompt":"hello","schema":`+schema+`}`)
		if message == "" && len(found) > 0 || message != "" && (len(found) != 1 || found[0].Message != message || found[0].Parameter != "schema") {
			t.Errorf("%s: %v", property, found)
		}
		body := `{"model":"tiny-script","stream":false,"think":false,"options":{"num_predict":40},"messages":[{"role":"user","content":"hello"}],"format":` + schema + `}`
		response, err := http.Post(ollamatest.Start(t)+"/api/chat", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		said, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		if response.Body.Close(); (response.StatusCode == http.StatusOK) != (message == "") {
			t.Errorf("%s: Ollama answers %d %s", property, response.StatusCode, said)
		}
		if message != "" {
			got := fails(t, t.Context(), real(t), asking(t, llm.Chat, `{"prompt":"hello","schema":`+schema+`}`), nil)
			if got.Code != protocol.InvalidParams || got.Message != message {
				t.Errorf("%s: %s: %s", property, got.Name, got.Message)
			}
		}
	}
}

// A server's refusal of a schema is the caller's mistake, whatever the status.
func TestSchemasThatServersRefuse(t *testing.T) {
	for name, test := range map[string]struct {
		status        int
		said          string
		message, hint string
	}{
		// llama.cpp's llama-server 0.5.0-dev of 28 September 2026.
		"llama-server": {http.StatusBadRequest, `{"error":{"code":400,"message":"Unable to generate parser for this template. Automatic parser generation failed: JSON schema error at #/items: schema must be an object","type":"invalid_request_error"}}`,
			"the server at URL cannot use the schema: schema.items: schema must be an object", ""},
		// The /v1 of Ollama 0.17.4.
		"Ollama": {http.StatusInternalServerError, `{"error":{"message":"invalid JSON schema in format","type":"api_error","param":null,"code":null}}`,
			"the server at URL cannot use the schema: invalid JSON schema in format", "give every part of the schema a type, and anchor its patterns"},
	} {
		t.Run(name, func(t *testing.T) {
			url := serving(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.said)
			})
			got := fails(t, t.Context(), open(t, llm.Options{}), asking(t, llm.Chat, compatibleCall(url, `,`+invoice)), nil)
			wantError(t, got, protocol.InvalidParams, protocol.Permanent, strings.ReplaceAll(test.message, "URL", url), test.hint)
		})
	}
}

// Ollama 0.17.4 ends where a pattern has a group such as (?:…), and with it all its calls: such patterns are not sent. The answer is
// checked against them.
func TestPatternsWithGroups(t *testing.T) {
	for _, pattern := range []string{`^(?:t|T)rue$`, `^(?!.).$`} {
		parameters := `{"prompt":"hello","max_tokens":100,"schema":{"type":"object","properties":{"a":{"type":"string","maxLength":5,"pattern":"` + pattern + `"}},"required":["a"]}}`
		found, notes := checked(t, parameters)
		if len(found) > 0 || len(notes) > 0 {
			t.Errorf("%s: %v, notes %v", pattern, found, notes)
		}
		result, err := real(t).Handle(t.Context(), asking(t, llm.Chat, parameters), nil)
		if err == nil || !strings.Contains(err.Error(), "does not match pattern") {
			t.Errorf("%s: %s, %v", pattern, result.Value.JSON(), err)
		}
	}
}

// TestSchemaNotes: what nobody checks is said before a model is asked.
func TestSchemaNotes(t *testing.T) {
	large := strings.Repeat("(?=a)", 1001)
	for schema, want := range map[string]string{
		`{"type":"object","properties":{"a":{"type":"string","nullable":true}}}`: `schema.properties.a does not accept null: "nullable" is a keyword of OpenAPI 3.0; JSON Schema has "type": ["string", "null"]`,
		`{"type":"string","pattern":"` + large + `"}`:                            `the pattern that begins with "` + large[:60] + `" is not checked: it is too large`,
	} {
		found, notes := checked(t, `{"prompt":"hello","schema":`+schema+`}`)
		if len(found) > 0 || len(notes) != 1 || notes[0].Message != want {
			t.Errorf("%v, notes %.300v", found, notes)
		}
	}
}
