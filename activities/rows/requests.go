package rows

import (
	"errors"
	"fmt"
	"io"

	"github.com/gleitzeit/gleitzeit/internal/requestfile"
	"github.com/gleitzeit/gleitzeit/internal/table"
)

// requests are the lines of a request file as rows.
type requests struct {
	lines *requestfile.Reader
	any   bool // Whether there is one.
}

func (s *Source) openRequests() *requests {
	from := io.NewSectionReader(s.file, 0, s.size)
	return &requests{lines: requestfile.NewReader(from, requestfile.Options{AnyModel: s.rows.AnyModel})}
}

// Next implements reader.
func (r *requests) Next() (table.Row, error) {
	line, err := r.lines.Next()
	switch {
	case errors.Is(err, io.EOF) && !r.any:
		return table.Row{}, &table.Error{Message: fmt.Sprintf("there are none (%s)", requestfile.EmptyFile)}
	case err != nil:
		return table.Row{}, err
	}
	r.any = true
	row := table.Row{Place: fmt.Sprintf("line %d", line.Number), Value: line.Item()}
	if problem := line.Problem(); problem != "" {
		row.Err = &table.Error{Message: row.Place + ": " + problem}
	}
	return row, nil
}
