package config

import "testing"

func TestWhereOllamaRuns(t *testing.T) {
	for _, test := range []struct {
		env  map[string]string
		want string
	}{
		{nil, "http://127.0.0.1:11434"},
		{map[string]string{"OLLAMA_HOST": ""}, "http://127.0.0.1:11434"},
		{map[string]string{"OLLAMA_HOST": "gpu"}, "http://gpu:11434"},
		{map[string]string{"OLLAMA_HOST": "gpu:80"}, "http://gpu:80"},
		{map[string]string{"OLLAMA_HOST": ":1234"}, "http://127.0.0.1:1234"},
		{map[string]string{"OLLAMA_HOST": "0.0.0.0"}, "http://127.0.0.1:11434"},
		{map[string]string{"OLLAMA_HOST": "http://[::]:1234/"}, "http://127.0.0.1:1234"},
		{map[string]string{"OLLAMA_HOST": "[::1]"}, "http://[::1]:11434"},
		{map[string]string{"OLLAMA_HOST": "https://gpu/ollama/"}, "https://gpu:443/ollama"},
		{map[string]string{"OLLAMA_HOST": "http://gpu"}, "http://gpu:80"},
		{map[string]string{"OLLAMA_HOST": "gpu", "GLEITZEIT_OLLAMA_URL": "http://other:1"}, "http://other:1"},
		{map[string]string{"OLLAMA_HOST": "ftp://gpu"}, `OLLAMA_HOST is "ftp://gpu", which is no address of a server (it looks like http://127.0.0.1:11434)`},
		{map[string]string{"GLEITZEIT_OLLAMA_URL": "http://a b"},
			`GLEITZEIT_OLLAMA_URL is "http://a b", which is no address of a server (it looks like http://127.0.0.1:11434)`},
	} {
		got, err := ollamaURL(func(name string) (string, bool) { value, set := test.env[name]; return value, set })
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%v: got %s, want %s", test.env, got, test.want)
		}
	}
}
