package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

const (
	// defaultRetention is how long a namespace that is created here keeps a closed run, unless the settings say.
	defaultRetention = 30 * 24 * time.Hour
	// settleTimeout bounds the wait until a cluster knows what was created: its servers refresh every few seconds.
	settleTimeout = 30 * time.Second
	settlePoll    = 200 * time.Millisecond
)

// attributes are the search attributes of runs, all keywords.
var attributes = []string{protocol.WorkflowAttribute, protocol.StatusAttribute}

// Prepare creates the namespace and the search attributes of runs if they are missing. Runs work without the attributes: if
// they cannot be created, it returns a warning. The namespace is required, and the error has the command to create it. A
// namespace that is created keeps closed runs for the retention; 0 is the default.
func (c *Cluster) Prepare(ctx context.Context, to client.Client, retention time.Duration) (warning string, err error) {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	if err := c.ensureNamespace(ctx, to, cmp.Or(retention, defaultRetention)); err != nil {
		return "", err
	}
	missing, err := c.missing(ctx, to)
	if err != nil || len(missing) == 0 {
		return c.missingWarning(missing, err), nil
	}
	wanted := map[string]enums.IndexedValueType{}
	for _, name := range missing {
		wanted[name] = enums.INDEXED_VALUE_TYPE_KEYWORD
	}
	_, err = to.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: c.Namespace, SearchAttributes: wanted})
	if _, there := errors.AsType[*serviceerror.AlreadyExists](err); err != nil && !there {
		return c.missingWarning(missing, err), nil
	}
	return "", c.settle(ctx, func() error {
		missing, err := c.missing(ctx, to)
		if err == nil && len(missing) > 0 {
			err = fmt.Errorf("the search attributes %s do not exist yet", strings.Join(missing, " and "))
		}
		if err == nil {
			err = c.searchable(ctx, to)
		}
		return err
	})
}

// SearchAttributes reports whether the namespace has the search attributes of runs; false if they cannot be read.
func (c *Cluster) SearchAttributes(ctx context.Context, to client.Client) bool {
	missing, err := c.missing(ctx, to)
	return err == nil && len(missing) == 0 && c.searchable(ctx, to) == nil
}

// searchable returns nil once runs can be found by the search attributes: the servers that start runs know new ones later than
// the one that lists them, and reject unknown ones.
func (c *Cluster) searchable(ctx context.Context, to client.Client) error {
	for _, name := range attributes {
		_, err := to.WorkflowService().CountWorkflowExecutions(ctx, &workflowservice.CountWorkflowExecutionsRequest{
			Namespace: c.Namespace, Query: name + " = 'none'",
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) missing(ctx context.Context, to client.Client) ([]string, error) {
	known, err := to.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: c.Namespace})
	if err != nil {
		return attributes, err
	}
	var missing []string
	for _, name := range attributes {
		if known.GetCustomAttributes()[name] != enums.INDEXED_VALUE_TYPE_KEYWORD {
			missing = append(missing, name)
		}
	}
	return missing, nil
}

// missingWarning returns a warning about missing search attributes, with the command to create them.
func (c *Cluster) missingWarning(missing []string, why error) string {
	if len(missing) == 0 {
		return ""
	}
	var command strings.Builder
	fmt.Fprintf(&command, "temporal operator search-attribute create --namespace %s", c.Namespace)
	for _, name := range missing {
		fmt.Fprintf(&command, " --name %s --type Keyword", name)
	}
	return fmt.Sprintf("runs have no search attributes %s, which cannot be created: %s\n  create them with `%s`",
		strings.Join(missing, " and "), why, &command)
}

func (c *Cluster) ensureNamespace(ctx context.Context, to client.Client, retention time.Duration) error {
	_, err := to.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: c.Namespace})
	if _, unknown := errors.AsType[*serviceerror.NamespaceNotFound](err); !unknown {
		if err != nil {
			return protocol.Errorf(codeOf(err), "the Temporal server at %s cannot describe the namespace %q: %s", c.Address, c.Namespace, err).WithCause(err)
		}
		return nil
	}
	_, err = to.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: c.Namespace, WorkflowExecutionRetentionPeriod: durationpb.New(retention),
	})
	if _, there := errors.AsType[*serviceerror.NamespaceAlreadyExists](err); err != nil && !there {
		return protocol.Errorf(codeOf(err), "the Temporal server at %s has no namespace %q, and it cannot be created: %s", c.Address, c.Namespace, err).WithCause(err).
			WithHint("create it with `temporal operator namespace create --namespace %s --retention %dh`", c.Namespace, int(retention.Hours()))
	}
	return c.settle(ctx, func() error {
		_, err := to.WorkflowService().ListWorkflowExecutions(ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: c.Namespace, PageSize: 1})
		return err
	})
}

// settle waits until the cluster knows what was created.
func (c *Cluster) settle(ctx context.Context, known func() error) error {
	ticker := time.NewTicker(settlePoll)
	defer ticker.Stop()
	for {
		err := known()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return protocol.Errorf(protocol.EngineUnreachable, "the Temporal server at %s is not ready for runs in the namespace %q: %s", c.Address, c.Namespace, err).WithCause(err)
		case <-ticker.C:
		}
	}
}
