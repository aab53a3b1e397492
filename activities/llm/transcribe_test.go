package llm_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// The recording is sent as a form, and the answers of servers are read as their documentation has them: that of vLLM 0.22
// (docs.vllm.ai, "Speech to Text APIs"), and that of llama.cpp as a comment of its pull request 21863 shows it.
func TestTranscribe(t *testing.T) {
	for name, c := range map[string]struct {
		reply, text    string
		prompt, tokens string
	}{
		"vLLM":      {`{"text":"Mary had a little lamb.","usage":{"type":"duration","seconds":16}}`, "Mary had a little lamb.", "0", "0"},
		"llama.cpp": {`{"type":"transcript.text.done","text":"And so my fellow Americans","usage":{"type":"tokens","input_tokens":363,"output_tokens":71,"total_tokens":434,"input_tokens_details":{"cached_tokens":358}}}`, "And so my fellow Americans", "363", "71"},
		"silence":   {`{"text":""}`, "", "0", "0"},
	} {
		handler := open(t, llm.Options{Providers: compatibleAt("m", serving(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost || r.URL.Path != "/audio/transcriptions" {
				http.NotFound(w, r)
				return
			}
			file, header, err := r.FormFile("file")
			if err != nil {
				t.Error(err)
				return
			}
			data, err := io.ReadAll(file)
			if got := fmt.Sprint(header.Filename, " ", string(data), " ", err, " ", r.Form["model"], r.Form["response_format"], r.Form["language"], r.Form["prompt"], r.Form["temperature"], r.Form["hotwords"]); got != "recording.mp3 ID3 sound <nil> [whisper] [json] [en] [Names: Ada.] [0.0] [dyke]" {
				t.Error(got)
			}
			fmt.Fprint(w, c.reply)
		}))})
		request := asking(t, llm.Transcribe, `{"provider":"openai","model":"whisper","file_path":"a \"strange\" name.MP3","language":"en","prompt":"Names: Ada.","temperature":0.0,"options":{"hotwords":"dyke"}}`)
		request.Files.(folder).write(t, `a "strange" name.MP3`, []byte("ID3 sound"))
		result, err := handler.Handle(t.Context(), request, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want(t, result, map[string]string{"response": fmt.Sprintf("%q", c.text), "content": fmt.Sprintf("%q", c.text), "model": `"whisper"`, "prompt_tokens": c.prompt, "tokens_used": c.tokens})
	}
}

func TestTranscribeFails(t *testing.T) {
	// The error of a server that has no transcriptions, as FastAPI writes it, of which vLLM is made.
	missing := serving(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"detail":"Not Found"}`)
	})
	odd := serving(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"words":[]}`) })
	for _, c := range []struct {
		url, parameters, want string
		code                  protocol.Code
	}{
		{missing, `{"provider":"openai","model":"m","file_path":"a.wav"}`, `has no model "m", or does not support this call`, protocol.TaskValidationFailed},
		{odd, `{"provider":"openai","model":"m","file_path":"a.wav"}`, "it has no text", protocol.TaskResultInvalid},
		{odd, `{"provider":"openai","file_path":"a.wav"}`, "llm/transcribe: `model` is required", protocol.InvalidParams},
		{odd, `{"provider":"openai","model":"m","file_path":"empty.wav"}`, `file "empty.wav" is empty`, protocol.InvalidParams},
		{odd, `{"provider":"ollama","model":"m","file_path":"a.wav"}`, `llm/transcribe is not supported by the provider "ollama"`, protocol.InvalidParams},
		{odd, `{"provider":"openai","model":"m"}`, "missing property 'file_path'", protocol.InvalidParams},
	} {
		request := asking(t, llm.Transcribe, c.parameters)
		request.Files.(folder).write(t, "a.wav", []byte("RIFF"))
		request.Files.(folder).write(t, "empty.wav", nil)
		providers := append(compatibleAt("", c.url), protocol.ProviderSettings{Name: "ollama", URLs: []string{c.url}})
		got := fails(t, t.Context(), open(t, llm.Options{Providers: providers}), request, nil)
		if got.Code != c.code || !strings.Contains(got.Message, c.want) {
			t.Errorf("%s: got %v", c.parameters, got)
		}
	}
}
