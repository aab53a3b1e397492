package reference

import "slices"

// IsSecretReference reports whether a text is one reference to `secrets` or `env` and nothing else. A default would be a secret in the
// file.
func IsSecretReference(text string) bool {
	parts, errs := Parse(text)
	if len(parts) != 1 || len(errs) > 0 || parts[0].Ref == nil {
		return false
	}
	ref := parts[0].Ref
	return (ref.Head == headSecrets || ref.Head == headEnv) && len(ref.Steps) > 0 && ref.Default == ""
}

// RuntimeReference returns the first reference in a text to what is only known when tasks run: a result, or an item. The text itself,
// inputs, the environment and the run's own facts are there before.
func RuntimeReference(text string) (Reference, bool) {
	parts, _ := Parse(text)
	for _, part := range parts {
		if part.Ref != nil && !slices.Contains([]string{headInputs, headEnv, headSecrets, headRun}, part.Ref.Head) {
			return *part.Ref, true
		}
	}
	return Reference{}, false
}
