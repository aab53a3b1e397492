package python_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/python"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/redaction"
)

// Wherever the output or a message of a script is cut, no part of a secret is left there.
func TestSecretsWhereTheOutputIsCut(t *testing.T) {
	const secret = "hunter2'<S3cret>'value"
	secrets := &redaction.Set{}
	secrets.Add("[secrets.X]", secret)
	h := python.New(python.Options{Limits: python.Limits{Output: 100}})
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	for before := 70; before <= 110; before += 4 {
		for name, code := range map[string]string{
			"output":      `print("x"*%d + secret + "y"*9000); result = 1`,
			"stderr":      `import sys; sys.stderr.write("x"*%d + secret + "y"*9000); result = 1`,
			"JSON":        `import json; print("x"*%d + json.dumps({"a": secret})); result = 1`,
			"exception":   `raise ValueError("x"*%d + secret + "y"*(8192-60))`,
			"end":         `import os, sys; sys.stderr.write("x"*%d + secret + "y"*(2048-12)); sys.stderr.flush(); os._exit(3)`,
			"key":         `result = {"x"*%d + secret: {(1,): 2}}`,
			"another key": `result = {("x"*%d + secret,): 2}`,
		} {
			request := ofCode(t, "secret = "+fmt.Sprintf("%q", secret)+"\n"+fmt.Sprintf(code, before))
			request.Secrets = secrets
			result, err := h.Handle(t.Context(), request, nil)
			said := string(result.Value.JSON())
			if err != nil {
				said = protocol.AsError(err, 0).Redacted(secrets).Error()
			}
			for _, part := range []string{"hunter", "S3cret", "value"} {
				if strings.Contains(strings.ReplaceAll(said, "ValueError", ""), part) {
					t.Errorf("%s with %d before: %q is in %s", name, before, part, said)
				}
			}
		}
	}
}
