package workflows

import (
	"fmt"
	"math"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/fanout"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// The names of the workflow that runs the items of a task, of its activity, and of the signals between it and its run.
const (
	MapType      = "gleitzeit.map"
	PageActivity = "gleitzeit.page"
	SlotsSignal  = "gleitzeit.slots"    // From the run: a SlotsMessage.
	HeldSignal   = "gleitzeit.returned" // To the run: a HeldMessage.
)

const (
	// mapBytes is the size in bytes of a history after which nothing more starts in it: what is in flight must still fit below the
	// 4 MiB after which Temporal suggests a new one.
	mapBytes = 3 << 20
	// mapEvents is the same in events, below historyBudget: messages, timers and the last workflow task come on top.
	mapEvents = historyBudget - 100
	// unitAttempts is how often Temporal starts a unit of several items. After that they start in smaller ones.
	unitAttempts = 2
)

// Map is the input of gleitzeit.map: the items of a task, from those that have ended on.
type Map struct {
	Call     protocol.Call  `json:"call"`  // Of every item, without the item.
	Items    protocol.Items `json:"items"` // The same for what an item needs.
	Manifest protocol.Ref   `json:"manifest"`
	Limits   fanout.Limits  `json:"limits"`
	State    fanout.State   `json:"state"`
	Settings Settings       `json:"settings,omitzero"`
	Queue    string         `json:"queue,omitempty"`  // Of the items; empty is the run's own.
	Start    time.Time      `json:"start"`            // The beginning of the clock of State.
	Slots    SlotsMessage   `json:"slots"`            // The last one that was read.
	Shared   bool           `json:"shared,omitempty"` // Other tasks can use the slots that are no longer needed.
	Steps    []MapStep      `json:"steps,omitempty"`  // Of every item; empty: it has none.

	Workflow *plan.Workflow `json:"workflow,omitempty"` // That each item runs; nil: they make calls.
}

// MapStep is a step of every item. Its call has neither run nor bindings, which are those of Map.Call.
type MapStep struct {
	Call    protocol.Call `json:"call"`
	Queue   string        `json:"queue,omitempty"` // Empty is the run's own.
	When    string        `json:"when,omitempty"`
	Servers []string      `json:"servers,omitempty"` // Names of those of Map.Call that it may use.
}

// SlotsMessage says how many items, or units of them, may be in flight.
type SlotsMessage struct {
	Slots int `json:"slots"`
	Turn  int `json:"turn"` // Its number.
}

// HeldMessage is the answer to a SlotsMessage with fewer slots, when no more than those are in use; and a message that fewer are needed.
type HeldMessage struct {
	Task   string `json:"task"`
	Turn   int    `json:"turn"`   // Of the last SlotsMessage that was read.
	Held   int    `json:"held"`   // Slots in use, or that may be used.
	Wanted int    `json:"wanted"` // Slots that can be used.
}

// MapResult says how the items ended. Their results are in the result store.
type MapResult struct {
	Counts    protocol.ItemCounts   `json:"counts"` // Of those that have ended.
	Usage     protocol.Usage        `json:"usage,omitzero"`
	Failure   *protocol.ItemFailure `json:"failure,omitempty"`
	TooMany   bool                  `json:"too_many,omitempty"`  // More have failed than max_failures.
	Tokens    bool                  `json:"tokens,omitempty"`    // The items have used all of max_tokens_total.
	Cancelled bool                  `json:"cancelled,omitempty"` // The rest did not start, or was cancelled.
	Error     *protocol.Error       `json:"error,omitempty"`     // Why the rest could not start.
}

// RunItems runs the items of a task: the workflow type gleitzeit.map. It continues as new before its history is full.
func RunItems(ctx workflow.Context, m Map) (*MapResult, error) {
	w := &window{
		Map: m, labels: map[int][]string{}, progress: fanout.Continue(m.Limits, m.State, m.Slots.Slots), slots: workflow.GetSignalChannel(ctx, SlotsSignal), held: m.Slots.Slots, answered: m.State.Next > 0,
	}
	w.passCancels(ctx)
	if err := w.run(ctx); err != nil {
		return nil, err
	}
	if !w.over() {
		next := w.Map
		next.State, next.Slots = w.progress.State, w.Slots
		return nil, workflow.NewContinueAsNewError(ctx, MapType, next)
	}
	return &MapResult{
		Counts: w.progress.Counts, Usage: w.progress.Usage, Failure: w.progress.Failure, TooMany: w.progress.TooManyFailed(), Tokens: w.progress.TokensReached(), Cancelled: w.cancelled, Error: w.failed,
	}, nil
}

// window is the part of the items that one history runs.
type window struct {
	Map
	progress  *fanout.Progress
	labels    map[int][]string // Of the items of a page, by its first one. Never ranged over.
	slots     workflow.ReceiveChannel
	inFlight  []startedUnit
	begun     int
	owes      bool              // The run wants slots back.
	sending   []workflow.Future // Messages to the run that may be on their way.
	answered  bool
	held      int             // What the run knows of the slots in use.
	timer     workflow.Future // Ends when an item is due again; nil if none is.
	due       protocol.Seconds
	cancelled bool
	failed    *protocol.Error
	sent      int64 // Bytes of calls scheduled in the workflow task at sentAt, a length of the history.
	sentAt    int
	nested    []workflow.ChildWorkflowFuture // The workflows that items run, in flight,
	room      room                           // and what their starts need of a message.
}

// startedUnit is a unit in flight.
type startedUnit struct {
	fanout.Unit
	future workflow.Future
}

// run runs units until nothing more starts in this history, and nothing is in flight. Before it returns it has read all messages, and its
// own have been delivered: one that no code has looked at when a history ends is lost, and so is one that is on its way.
func (w *window) run(ctx workflow.Context) error {
	for {
		w.readMessages(ctx)
		if err := w.readPages(ctx); err != nil {
			return err
		}
		w.begin(ctx)
		w.describe(ctx)
		w.report(ctx)
		if len(w.inFlight) == 0 && (w.over() || w.begun > 0 && !w.fits(ctx)) {
			if w.readMessages(ctx); w.over() || !w.owes && len(w.undelivered()) == 0 {
				return nil
			}
			if w.owes {
				continue
			}
		}
		w.await(ctx)
	}
}

// undelivered returns the messages to the run that are on their way.
func (w *window) undelivered() []workflow.Future {
	w.sending = slices.DeleteFunc(w.sending, workflow.Future.IsReady)
	return w.sending
}

// over reports whether nothing starts any more, in this history or another.
func (w *window) over() bool { return w.progress.Over() || w.failed != nil }

// readMessages reads what the run has said, and whether it was cancelled.
func (w *window) readMessages(ctx workflow.Context) {
	for {
		var message SlotsMessage
		if !w.slots.ReceiveAsync(&message) {
			break
		}
		if message.Turn > w.Slots.Turn {
			w.owes = w.owes || message.Slots < w.Slots.Slots
			w.Slots = message
			if w.held = max(w.held, message.Slots); w.answered {
				w.held = math.MaxInt // The answer may have come after the run had sent this: then it did not count.
			}
			w.progress.SetSlots(message.Slots)
		}
	}
	if ctx.Err() != nil && !w.cancelled {
		w.cancelled = !w.progress.Over() || w.progress.InFlight() > 0
		w.progress.Stop()
	}
}

// readPages reads the pages of the items that start next.
func (w *window) readPages(ctx workflow.Context) error {
	for w.failed == nil {
		item, needed := w.progress.NeedsPage()
		if !needed {
			return nil
		}
		var response protocol.PageResponse
		request := protocol.PageRequest{Manifest: w.Manifest, Item: item, Files: w.Items.Files, Key: w.Items.Key}
		err := workflow.ExecuteLocalActivity(recording(ctx), PageActivity, request).Get(ctx, &response)
		switch {
		case temporal.IsCanceledError(err):
			w.readMessages(ctx)
			return nil
		case err != nil:
			return err
		case response.Error != nil:
			w.failed = response.Error
			w.progress.Stop()
			continue
		}
		w.labels[response.Page.First] = response.Labels
		for _, forgotten := range w.progress.AddPage(response.Page) {
			delete(w.labels, forgotten.First)
		}
	}
	return nil
}

// begin starts units, within the limits of the slots, of the history, and of one message to the server.
func (w *window) begin(ctx workflow.Context) {
	for w.fits(ctx) {
		unit, found := w.progress.Begin(w.now(ctx))
		if !found {
			return
		}
		if at := workflow.GetInfo(ctx).GetCurrentHistoryLength(); at != w.sentAt {
			w.sent, w.sentAt = 0, at
		}
		w.begun++
		w.inFlight = append(w.inFlight, startedUnit{unit, w.start(ctx, unit)})
		if w.sent += w.callBytes(); w.sent > sendBudget && workflow.Sleep(ctx, time.Millisecond) != nil {
			return
		}
	}
}

// callBytes is the approximate size of the call of a unit.
func (w *window) callBytes() int64 {
	size := int64(2*callSize + maxItemInline)
	if step := w.Call.Step; step != nil {
		size += maxItemInline + int64(len(step.Chain))*callSize/4
	}
	for _, binding := range w.Call.Bindings {
		size += bindingSize(binding)
	}
	for range w.Call.Servers {
		size += callSize
	}
	if w.Workflow != nil {
		size += maxNestedBytes
	}
	return size
}

// fits reports whether one more unit surely ends within this history.
func (w *window) fits(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	if w.begun == 0 {
		return true
	}
	return !info.GetContinueAsNewSuggested() && info.GetCurrentHistoryLength()+eventsPerTask*(len(w.inFlight)+1) < mapEvents &&
		int64(info.GetCurrentHistorySize())+2*w.callBytes()*int64(len(w.inFlight)+1) < mapBytes
}

func (w *window) now(ctx workflow.Context) protocol.Seconds {
	return protocol.SecondsOf(workflow.Now(ctx).Sub(w.Start))
}

// start starts the activity of a unit.
func (w *window) start(ctx workflow.Context, unit fanout.Unit) workflow.Future {
	if w.Workflow != nil {
		return w.startNested(ctx, unit)
	}
	call, items, queue := w.Call, w.Items, w.Queue
	task := call.Task
	if len(w.Steps) > 0 {
		step := &w.Steps[unit.Step]
		call = step.of(w.Call, unit.Step)
		if task = protocol.FormatStepID(call.Task, call.Step.ID()); w.Settings.OwnQueue {
			queue = ""
		} else {
			queue = step.Queue
		}
	}
	items.Page, items.First, items.Count, items.Attempts, items.Recorded = unit.Page, unit.First, unit.Count, unit.Attempts, unit.Recorded
	items.TakeOver = unit.TakeOver
	call.Items = &items
	options := activityOptions(&call, w.Settings)
	if isSingle(unit) {
		options.ActivityID = protocol.FormatActivityID(task, unit.First)
		options.Summary = activitySummary(task, unit.First, w.label(unit))
	} else {
		options.ActivityID = protocol.FormatUnitID(task, unit.First, unit.First+unit.Count-1)
		options.ScheduleToCloseTimeout = 0 // Its items have their own max_elapsed.
		options.RetryPolicy = &temporal.RetryPolicy{InitialInterval: retryPause, BackoffCoefficient: 1, MaximumAttempts: unitAttempts}
		options.Summary = fmt.Sprintf("%s [%d-%d] %d items", task, unit.First, unit.First+unit.Count-1, unit.Count)
	}
	options.TaskQueue = queue
	return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), call.Method, call)
}

// label returns the name of the first item of a unit; empty if it is not known.
func (w *window) label(unit fanout.Unit) string {
	if labels := w.labels[unit.Page.First]; len(labels) == unit.Page.Count {
		return labels[unit.First-unit.Page.First]
	}
	return ""
}

// isSingle reports whether the activity of a unit returns the outcome of its only item.
func isSingle(unit fanout.Unit) bool { return unit.Count == 1 && !unit.TakeOver }

// await waits until a unit has ended, a message has come, the items are cancelled, or one is due again.
func (w *window) await(ctx workflow.Context) {
	selector := workflow.NewSelector(ctx)
	for _, unit := range w.inFlight {
		selector.AddFuture(unit.future, func(workflow.Future) {})
	}
	for _, message := range w.undelivered() {
		selector.AddFuture(message, func(workflow.Future) {})
	}
	selector.AddReceive(w.slots, func(workflow.ReceiveChannel, bool) {})
	if ctx.Err() == nil {
		selector.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {})
		if timer := w.untilDue(ctx); timer != nil {
			selector.AddFuture(timer, func(workflow.Future) {})
		}
	}
	selector.Select(ctx)
	still := w.inFlight[:0]
	for _, unit := range w.inFlight {
		if !unit.future.IsReady() {
			still = append(still, unit)
			continue
		}
		w.end(ctx, unit)
	}
	w.inFlight = still
}

// untilDue returns a timer until an item is due again; nil if none waits for its time. One that is too early does no harm.
func (w *window) untilDue(ctx workflow.Context) workflow.Future {
	due, waits := w.progress.Due()
	if !waits || !w.fits(ctx) {
		return nil
	}
	if w.timer == nil || w.timer.IsReady() || due < w.due {
		w.timer, w.due = workflow.NewTimer(ctx, max((due-w.now(ctx)).Duration(), time.Millisecond)), due
	}
	return w.timer
}

// end records how a unit ended.
func (w *window) end(ctx workflow.Context, unit startedUnit) {
	if isSingle(unit.Unit) {
		outcome, reported := outcomeOfActivity(ctx, unit.future)
		if !reported && w.cancelled && outcome.Error.Code == protocol.WorkerLost {
			outcome = cancelledWithoutWorker() // Temporal does not schedule it again.
		}
		w.progress.EndItem(unit.Unit, outcome)
		return
	}
	var outcome protocol.UnitOutcome
	err := unit.future.Get(ctx, &outcome)
	if err == nil || decodeDetails(err, &outcome) {
		w.progress.EndUnit(unit.Unit, outcome, w.now(ctx))
		return
	}
	w.progress.LoseUnit(unit.Unit)
}

// report says to the run that slots are free which it wants back, or which can no longer be used.
func (w *window) report(ctx workflow.Context) {
	message := HeldMessage{Task: w.Call.Task, Turn: w.Slots.Turn, Held: max(w.Slots.Slots, len(w.inFlight)), Wanted: w.progress.Wanted()}
	if w.Shared && message.Wanted < message.Held {
		message.Held = max(message.Wanted, len(w.inFlight))
	}
	returns := w.owes && len(w.inFlight) <= w.Slots.Slots
	if ctx.Err() != nil || !returns && (!w.Shared || message.Held >= w.held) {
		return
	}
	w.owes, w.held, w.answered = false, message.Held, true
	if parent := workflow.GetInfo(ctx).ParentWorkflowExecution; parent != nil {
		w.sending = append(w.undelivered(), workflow.SignalExternalWorkflow(ctx, parent.ID, "", HeldSignal, message))
	}
}

// describe writes how many items have ended for the Web UI; no event records it.
func (w *window) describe(ctx workflow.Context) {
	counts := w.progress.Counts
	text := fmt.Sprintf("%d of %d items", counts.Total, w.Limits.Total)
	if counts.Failed > 0 {
		text += fmt.Sprintf(", %d failed", counts.Failed)
	}
	workflow.SetCurrentDetails(ctx, text)
}
