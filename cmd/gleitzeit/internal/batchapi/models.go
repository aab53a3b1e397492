package batchapi

import (
	"net/http"
	"slices"
	"strings"
)

// modelDocument is a model as clients get it.
type modelDocument struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"` // Servers do not say when.
	OwnedBy string `json:"owned_by"`
}

func (m Model) document() modelDocument { return modelDocument{m.Name, "model", 0, m.Provider} }

// is reports whether requests get the model by the name: where the tag is missing, servers have a usual one.
func (m Model) is(name string) bool {
	const usual = ":latest"
	return strings.TrimSuffix(m.Name, usual) == strings.TrimSuffix(name, usual)
}

// models returns what requests may name: the names of the settings that lead to a model, and the models of the servers. A name that is also
// that of a model leads where the settings say.
func (a *api) models(r *http.Request) (all []Model, err error) {
	served, err := a.options.Runs.Models(r.Context())
	if err != nil {
		return nil, failedCall(err)
	}
	for _, name := range a.options.ModelNames {
		if slices.ContainsFunc(served, func(m Model) bool { return m.is(name.Value) }) {
			all = append(all, Model{name.Name, "settings"})
		}
	}
	named := len(all)
	for _, m := range served {
		if !slices.ContainsFunc(all[:named], func(n Model) bool { return n.Name == m.Name }) {
			all = append(all, m)
		}
	}
	return all, nil
}

func (a *api) listModels(w http.ResponseWriter, r *http.Request) error {
	models, err := a.models(r)
	if err != nil {
		return err
	}
	documents := make([]modelDocument, len(models))
	for i, m := range models {
		documents[i] = m.document()
	}
	answer(w, http.StatusOK, struct {
		Object string          `json:"object"`
		Data   []modelDocument `json:"data"`
	}{"list", documents})
	return nil
}

func (a *api) getModel(w http.ResponseWriter, r *http.Request) error {
	models, err := a.models(r)
	if err != nil {
		return err
	}
	name := r.PathValue("model")
	at := slices.IndexFunc(models, func(m Model) bool { return m.Name == name })
	if at < 0 {
		at = slices.IndexFunc(models, func(m Model) bool { return m.is(name) })
	}
	if at < 0 {
		return refusal(http.StatusNotFound, "model", "model_not_found", "The model %.80q does not exist", name)
	}
	answer(w, http.StatusOK, models[at].document())
	return nil
}
