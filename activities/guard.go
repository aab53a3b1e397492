package activities

import (
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// guard refuses a secret that the call itself holds, and a place for secrets that a task's result or an item decides. Files
// are checked for both; a plan may come from elsewhere.
func guard(name string, parameters value.Value, m method) error {
	for _, field := range parameters.Fields() {
		switch {
		case field.Value.IsNull():
		case slices.Contains(m.SecretParameters, field.Name):
			if field.Value.Kind() != value.KindString || !reference.IsSecretReference(field.Value.Text()) {
				return protocol.Errorf(protocol.InvalidParams, "%s: the parameter %q is a secret, and a plan may only name it", name, field.Name).
					WithHint("write %s: ${secrets.NAME}", field.Name)
			}
		case slices.Contains(m.DestinationParameters, field.Name):
			var wrong error
			reference.Walk(field.Value, func(_ []string, text string) {
				if ref, brought := reference.RuntimeReference(text); brought {
					wrong = protocol.Errorf(protocol.InvalidParams, "%s: the parameter %q says where secrets go, and %s is only known when tasks run", name, field.Name, ref.Text).
						WithHint("write it out, or take it from an input or the environment")
				}
			})
			if wrong != nil {
				return wrong
			}
		}
	}
	return nil
}
