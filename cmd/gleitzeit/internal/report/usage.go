package report

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// maxModels is how many models are told apart: names come from servers.
const maxModels = 50

// otherModel stands for calls whose model is not known, as that of calls that failed.
const otherModel = "not known"

// models are what was asked of models.
type models struct {
	rows  map[string]*modelRow
	total protocol.Usage
}

// modelRow is what was asked of one model.
type modelRow struct {
	Name    string
	Usage   protocol.Usage
	written int64   // Tokens of answers of which the server has said how long it wrote them,
	seconds float64 // and how long that was.
}

// add adds what an attempt used. Its result names the model.
func (m *models) add(record *resultstore.Record, result value.Value) {
	if record.FromCache || record.Usage.Tokens() == 0 && record.Usage.LLMCalls == 0 {
		return // What an earlier run has used is in its own report.
	}
	m.total = m.total.Add(record.Usage)
	name := otherModel
	if model, _ := result.Get("model"); model.Text() != "" {
		name = model.Text()
	}
	row := m.rows[name]
	if row == nil {
		if len(m.rows) >= maxModels {
			name = otherModel
		}
		if row = m.rows[name]; row == nil {
			row = &modelRow{Name: name}
			m.rows[name] = row
		}
	}
	row.Usage = row.Usage.Add(record.Usage)
	if seconds := secondsIn(result); seconds > 0 && record.Usage.LLMCalls == 1 {
		row.written += record.Usage.TokensUsed
		row.seconds += seconds
	}
}

// secondsIn returns how long the server wrote, or else how long the call took; 0 where the result does not say.
func secondsIn(result value.Value) float64 {
	for _, name := range []string{"eval_duration", "duration"} {
		field, _ := result.Get(name)
		if seconds, err := strconv.ParseFloat(field.Digits(), 64); err == nil && seconds > 0 {
			return seconds
		}
	}
	return 0
}

// Speed returns the tokens that the model wrote in a second, for people; empty if no server has said it.
func (m *modelRow) Speed() string {
	if m.seconds <= 0 || m.written == 0 {
		return ""
	}
	speed := float64(m.written) / m.seconds
	if speed >= 100 {
		return number(int64(speed + 0.5))
	}
	return strconv.FormatFloat(speed, 'f', 1, 64)
}

// list returns the models, that with the most tokens first.
func (m *models) list() []*modelRow {
	var all []*modelRow
	for _, row := range m.rows {
		all = append(all, row)
	}
	slices.SortFunc(all, func(a, b *modelRow) int {
		return cmp.Or(cmp.Compare(b.Usage.Tokens(), a.Usage.Tokens()), cmp.Compare(a.Name, b.Name))
	})
	return all
}
