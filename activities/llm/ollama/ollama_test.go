package ollama_test

import (
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm/ollama"
)

func TestAddress(t *testing.T) {
	for value, want := range map[string]string{
		"gpu":                  "http://gpu:11434",
		"gpu:80":               "http://gpu:80",
		":1234":                "http://127.0.0.1:1234",
		"0.0.0.0":              "http://127.0.0.1:11434",
		"http://[::]:1234/":    "http://127.0.0.1:1234",
		"[::1]":                "http://[::1]:11434",
		"https://gpu/ollama/":  "https://gpu:443/ollama",
		"http://gpu":           "http://gpu:80",
		` "http://gpu:11434" `: "http://gpu:11434",
		"ftp://gpu":            "",
		"http://a b":           "",
		"gpu:port":             "",
	} {
		if got, isAddress := ollama.Provider().ParseURL(value); got != want || isAddress != (want != "") {
			t.Errorf("%s: %s, %v; want %s", value, got, isAddress, want)
		}
	}
}
