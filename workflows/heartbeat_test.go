package workflows_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/servertest"
)

// slowHeartbeats is a machine whose models leave the engine no processor: it takes each heartbeat two seconds late.
func slowHeartbeats(o *client.Options) {
	o.ConnectionOptions.DialOptions = append(o.ConnectionOptions.DialOptions, grpc.WithChainUnaryInterceptor(
		func(ctx context.Context, method string, request, reply any, connection *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
			if strings.HasSuffix(method, "/RecordActivityTaskHeartbeat") {
				select {
				case <-time.After(2 * time.Second):
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return invoke(ctx, method, request, reply, connection, options...)
		}))
}

func TestSlowHeartbeatsCutOffNoTask(t *testing.T) {
	r := newRig(t, servertest.WithClient(slowHeartbeats))
	run := r.start(t, compile(t, "name: Slow\ntasks: [{id: a, method: test/wait, parameters: {key: a}}]\n"))
	r.awaitWaiting(t, 1)
	time.Sleep(7 * time.Second) // Longer than a task may be silent.
	close(r.probe.release)
	result, _ := end(t, run)
	same(t, "status", result.Status, protocol.Completed)
	same(t, "calls", r.probe.called("a"), 1)
}

func TestSlowHeartbeatsBringACancelAllTheSame(t *testing.T) {
	r := newRig(t, servertest.WithClient(slowHeartbeats))
	run := r.start(t, compile(t, "name: Slow\ntasks: [{id: a, method: test/wait, parameters: {key: a}}]\n"))
	r.awaitWaiting(t, 1)
	if err := r.Client.CancelWorkflow(t.Context(), run.GetID(), ""); err != nil {
		t.Fatal(err)
	}
	result, _ := end(t, run)
	same(t, "status", result.Status, protocol.Cancelled)
	same(t, "calls", r.probe.called("a"), 1)
}
