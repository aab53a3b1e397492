package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// drawing is the value of --as.
type drawing string

const (
	asTree    drawing = "text"
	asMermaid drawing = "mermaid"
)

func (d *drawing) String() string { return string(*d) }

func (d *drawing) Type() string { return "drawing" }

// Words are for completion.
func (*drawing) Words() []string { return []string{string(asTree), string(asMermaid)} }

func (d *drawing) Set(text string) error {
	switch drawing(text) {
	case asTree, asMermaid:
		*d = drawing(text)
		return nil
	}
	return errors.New("must be text or mermaid")
}

// What Mermaid draws where nobody has configured it to draw more.
const (
	mermaidEdges = 500
	mermaidText  = 50_000 // Characters.
)

// graphCommand is the command `graph`.
type graphCommand struct{ *program }

func (p graphCommand) command() *cobra.Command {
	var inputs given
	as := asTree
	command := p.temporalFlags(&cobra.Command{
		Use:   "graph FILE|RUN",
		Short: "Show which task waits for which, of a workflow or of a run",
		Long: "Show which task waits for which: as a tree, or as a Mermaid flowchart.\n" +
			"If a file of that name exists (- is standard input), it is that workflow; otherwise the run of that id, or\n" +
			runs.Latest + ", with the statuses of its tasks.",
		Example: "  gleitzeit graph flow.yaml\n  gleitzeit graph " + runs.Latest + " --as mermaid",
		Args:    exact("FILE or RUN"),
		RunE: func(command *cobra.Command, args []string) error {
			if as != asTree && p.forPrograms() {
				return usageError{fmt.Errorf("--as %s and --format %s exclude each other", as, p.output)}
			}
			graph, err := p.graph(command.Context(), args[0], inputs)
			if err != nil {
				return err
			}
			p.printGraph(graph, as)
			return nil
		},
	})
	command.Flags().Var(&as, "as", "`form` of the text: text (a tree) or mermaid (a flowchart)")
	inputs.flags(command, " of the file")
	return command
}

// graph makes the graph of a workflow file or of a run.
func (p graphCommand) graph(ctx context.Context, of string, inputs given) (*view.Graph, error) {
	if isFlow(of) {
		if p.temporal != (runs.Connection{}) {
			return nil, usageError{fmt.Errorf("--address, --namespace and --profile apply to a run, and %q is a file", of)}
		}
		inputs.optional = true
		compiled, diagnostics, err := p.compile(of, inputs)
		if err != nil {
			return nil, err
		}
		if compiled == nil {
			return nil, p.refuse(of, diagnostics)
		}
		return view.NewGraph(compiled), nil
	}
	if !inputs.none() {
		return nil, usageError{fmt.Errorf("--input and --inputs apply to a file, and there is no file %q", of)}
	}
	s, err := p.openToShow(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	run, err := s.Resolve(ctx, of)
	if err != nil {
		return nil, err
	}
	document, err := s.Document(ctx, run)
	if err != nil {
		return nil, err
	}
	if document == nil {
		return nil, missingFile{protocol.Errorf(protocol.WorkflowNotFound, "there is neither a file %q nor a run of that id in %s", of, s.Place()).
			WithHint("`gleitzeit list` shows the runs that exist")}
	}
	if len(document.Tasks) == 0 {
		return nil, protocol.Errorf(protocol.WorkflowNotFound, "the tasks of run %s are not known yet: no worker has taken it", run).
			WithHint("`gleitzeit graph FILE` shows those of its workflow file")
	}
	if err := p.sayInterrupted(s, document); err != nil {
		return nil, err
	}
	return document.Graph(), nil
}

// isFlow reports whether a name is that of a workflow file rather than of a run: it exists, or looks like a path.
func isFlow(name string) bool {
	if name == "-" {
		return true
	}
	if about, err := os.Stat(name); err == nil && !about.IsDir() {
		return true
	}
	return strings.ContainsRune(name, filepath.Separator) || slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(name))
}

func (p graphCommand) printGraph(graph *view.Graph, as drawing) {
	switch {
	case p.forPrograms():
		p.writeJSON(p.Out, graph)
	case as == asMermaid:
		text := graph.Mermaid()
		fmt.Fprint(p.Out, text)
		if len(graph.Edges) > mermaidEdges || len(text) > mermaidText {
			p.say("Mermaid draws at most %d arrows and %d characters unless its settings maxEdges and maxTextSize are raised", mermaidEdges, mermaidText)
		}
	default:
		fmt.Fprint(p.Out, graph.Text())
	}
}
