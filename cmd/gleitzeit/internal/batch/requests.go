package batch

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/activities/rows"
	"github.com/gleitzeit/gleitzeit/internal/requestfile"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter"
)

// requestMethod is the method of a request file.
const requestMethod = llm.Request

// isRequestFile reports whether the only path is a request file, and no flag says what else to do with it. Of a file that is named like
// one and is none, it notes why.
func (r *Request) isRequestFile(paths []string) bool {
	if len(paths) != 1 || slices.ContainsFunc([]string{"prompt", "prompt-file", "method", "script", "vision", "schema", "system", "models"}, r.flags.Changed) {
		return false
	}
	info, err := os.Stat(paths[0])
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	file, err := os.Open(paths[0])
	if err != nil {
		return false // It is reported as that of any file.
	}
	defer func() { _ = file.Close() }()
	is, blank := requestfile.Recognize(file)
	if ending := strings.ToLower(filepath.Ext(paths[0])); !is && (ending == ".jsonl" || ending == ".ndjson") {
		r.noRequests = fmt.Sprintf("none of the first lines of %q is a request, which has custom_id, url and body", paths[0])
		if blank {
			r.noRequests = fmt.Sprintf("%q has no requests (%s)", paths[0], requestfile.EmptyFile)
		}
	}
	return is
}

// otherwise is what to do with a file that is named like a request file.
const otherwise = "to ask about it as a document, use --prompt; about each of its lines, --rows FILE and --prompt; `batch: {requests: FILE}` in a workflow reads any file as requests, and lists the lines that are none"

// readModel reads --model: a name, or of a request file names on the server by those in bodies, which requestFields makes a parameter.
func (r *Request) readModel(b interpreter.Batch, found *problems) value.Value {
	var names []string
	for _, given := range r.Model {
		old, name, mapped := strings.Cut(given, "=")
		switch {
		case !b.Requests || !mapped:
			names = append(names, given)
		case old == "" || name == "":
			found.add("", "--model must be a name or OLD=NEW, not %q", given)
		}
	}
	switch {
	case len(names) > 1:
		found.add("", "--model %s and --model %s cannot be combined", names[0], names[1])
	case len(names) == 1 && len(r.Model) > 1:
		found.add("a name without = is that of the model for all requests", "--model %s and --model OLD=NEW cannot be combined", names[0])
	case len(names) == 1:
		return interpreter.Literal(value.String(names[0]))
	}
	return value.Value{}
}

// requestFields adds the parameters of a request that stand for a line.
func (r *Request) requestFields(fields value.Value) value.Value {
	names := value.Object()
	for _, given := range r.Model {
		if old, name, mapped := strings.Cut(given, "="); mapped {
			names = names.With(old, interpreter.Literal(value.String(name)))
		}
	}
	return withRequest(fields, names)
}

// RequestParameters are those of a request that stand for a line, with the names of models on the servers by those in bodies.
func RequestParameters(names value.Value) []value.Field {
	return withRequest(value.Object(), names).Fields()
}

func withRequest(fields, names value.Value) value.Value {
	if len(names.Fields()) > 0 {
		fields = fields.With("model_names", names)
	}
	return fields.With("url", value.String("${item.url}")).With("body", value.String("${item.body}"))
}

// noticeRequests returns lines about the requests of a file that cannot be sent: how many there are, and the first of them.
func (s *Scan) noticeRequests(ctx context.Context) (lines []string) {
	list, err := s.activities.OpenRows(s.request(""))
	if err != nil {
		return nil // The run reports it.
	}
	defer list.Close()
	total, invalid := 0, 0
	err = list.Each(ctx, func(row rows.Row) error {
		total++
		if row.Error == nil {
			return nil
		}
		if invalid++; invalid <= maxSkipped {
			lines = append(lines, "  "+row.Error.Message)
		}
		return nil
	})
	if err != nil || invalid == 0 {
		return nil
	}
	if more := invalid - maxSkipped; more > 0 {
		lines = append(lines, fmt.Sprintf("  and %d more", more))
	}
	return append([]string{fmt.Sprintf("%d of %s cannot be sent:", invalid, count(total, "request"))}, lines...)
}
