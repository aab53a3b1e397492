package batch

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/gleitzeit/gleitzeit/activities/rows"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// rowCount is how many rows a batch has, as far as they were counted.
type rowCount struct {
	counted int
	more    bool // There are more.
}

// maxCounted is how many rows are counted before a batch starts.
const maxCounted = 1000

// countRows counts the first rows. A sample is no larger than it is to be.
func (s *Scan) countRows(ctx context.Context) error {
	list, err := s.activities.OpenRows(s.request(""))
	if err != nil {
		return err
	}
	defer list.Close()
	if s.each().Sample > 0 {
		s.rows.counted = s.each().Sample
		return nil
	}
	return list.Each(ctx, func(rows.Row) error {
		if s.rows.counted == maxCounted {
			s.rows.more = true
			return io.EOF
		}
		s.rows.counted++
		return nil
	})
}

// previewRows renders the first calls for rows, and estimates all of them.
func (s *Scan) previewRows(ctx context.Context, p *Preview) error {
	list, err := s.activities.OpenRows(s.request(""))
	if err != nil {
		return err
	}
	defer list.Close()
	p.word = "row"
	if s.each().HasRequests() {
		p.word = "request"
	}
	if p.Matched, err = list.Count(ctx); err != nil {
		return err
	}
	files := s.activities.Files(s.run(), s.task().Reads, "")
	costs := estimate{}
	keys := list.Keys()
	err = list.Each(ctx, func(row rows.Row) error {
		keys.Add(row)
		index := p.items
		p.items++
		if len(p.Files) < maxFiles {
			p.Files = append(p.Files, fmt.Sprintf("%s: %s", row.Place, protocol.NameOf(row.Item)))
		}
		if row.Error != nil {
			row.Error.Message = strings.TrimPrefix(row.Error.Message, row.Place+": ")
			p.fails(row.Place, row.Error)
			return nil //nolint:nilerr // The row alone is invalid.
		}
		if costs.read == maxReads {
			return nil
		}
		bound := protocol.Binding{Head: "item", Value: protocol.Payload{Inline: &row.Item}}
		rendered, cost, err := s.renderCall(ctx, index, RenderedPrompt{File: row.Place}, bound, files, func() error { return nil })
		costs.add(cost)
		switch {
		case err != nil:
			p.fails(row.Place, protocol.AsError(err, protocol.TaskValidationFailed))
		case len(p.Prompts) < maxPrompts:
			p.Prompts = append(p.Prompts, rendered)
		}
		return nil
	})
	if err == nil {
		err = keys.Check(ctx) // The run fails with it before its first call.
	}
	if p.Calls = p.items; s.hasPrompt() {
		p.estimate(costs)
	}
	return err
}
