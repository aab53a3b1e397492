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

// slowHeartbeats simulates a machine on which models use all processors: each heartbeat reaches the engine two seconds
// late. It reports when.
type slowHeartbeats struct{ taken chan time.Time }

func (s *slowHeartbeats) configure(o *client.Options) {
	o.ConnectionOptions.DialOptions = append(o.ConnectionOptions.DialOptions, grpc.WithChainUnaryInterceptor(
		func(ctx context.Context, method string, request, reply any, connection *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
			if !strings.HasSuffix(method, "/RecordActivityTaskHeartbeat") {
				return invoke(ctx, method, request, reply, connection, options...)
			}
			select {
			case <-time.After(2 * time.Second):
			case <-ctx.Done():
				return ctx.Err()
			}
			err := invoke(ctx, method, request, reply, connection, options...)
			if err == nil {
				s.taken <- time.Now()
			}
			return err
		}))
}

// waitingSlowly starts a run of one task that waits, on such a machine.
func waitingSlowly(t *testing.T) (*rig, client.WorkflowRun, *slowHeartbeats) {
	slow := &slowHeartbeats{make(chan time.Time, 1000)}
	r := newRig(t, servertest.WithClient(slow.configure))
	run := r.start(t, compile(t, "name: Slow\ntasks: [{id: a, method: test/wait, parameters: {key: a}}]\n"))
	r.awaitWaiting(t, 1)
	return r, run, slow
}

func TestSlowHeartbeatsCutOffNoTask(t *testing.T) {
	r, run, slow := waitingSlowly(t)
	for range 3 { // Together they take longer than the heartbeat timeout.
		select {
		case <-slow.taken:
		case <-time.After(patience):
			t.Fatal("no heartbeat arrives")
		}
	}
	close(r.probe.release)
	result, _ := end(t, run)
	same(t, "status", result.Status, protocol.Completed)
	same(t, "calls", r.probe.called("a"), 1)
}

func TestACancelArrivesThroughSlowHeartbeats(t *testing.T) {
	r, run, _ := waitingSlowly(t)
	if err := r.Client.CancelWorkflow(t.Context(), run.GetID(), ""); err != nil {
		t.Fatal(err)
	}
	result, _ := end(t, run)
	same(t, "status", result.Status, protocol.Cancelled)
	same(t, "calls", r.probe.called("a"), 1)
}
