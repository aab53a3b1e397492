package reference_test

import (
	"testing"

	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

func TestBySecret(t *testing.T) {
	for text, want := range map[string]bool{
		"${secrets.KEY}": true, "${env.KEY}": true, `${secrets["a key"]}`: true, "${env.KEY:-}": true,
		"": false, "sk-123": false, "$${secrets.KEY}": false, "Bearer ${secrets.KEY}": false, "${secrets.A}${secrets.B}": false,
		"${secrets.KEY:-sk-123}": false, "${inputs.key}": false, "${task.key}": false, "${item}": false, "${secrets}": false, "${secrets.KEY": false,
	} {
		if got := reference.IsSecretReference(text); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

func TestBrought(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "http://gpu:8000/v1": "", "http://${inputs.host}:${env.PORT}/${run.id}": "", "http://u:${secrets.PASSWORD}@gpu": "", "$${find.url}": "",
		"${find.url}": "${find.url}", "http://${env.HOST}/${item}": "${item}", "http://host${index}": "${index}", "${find.url:-http://gpu}": "${find.url:-http://gpu}",
	} {
		ref, brought := reference.RuntimeReference(text)
		if ref.Text != want || brought != (want != "") {
			t.Errorf("%q: got %q and %v, want %q", text, ref.Text, brought, want)
		}
	}
}
