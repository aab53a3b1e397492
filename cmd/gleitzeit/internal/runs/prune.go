package runs

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs/retention"
	"github.com/gleitzeit/gleitzeit/internal/engine"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

const (
	// engineRetention is how long the engine keeps closed runs where no retention is set: Temporal's own usual one.
	engineRetention = 30 * 24 * time.Hour
	// pruneEvery is how often a server prunes. The first time is at its start.
	pruneEvery = time.Hour
)

// Prune removes runs that ended at least so long ago, with everything that only they needed. The session needs a Temporal
// server: it knows which runs are open.
func Prune(ctx context.Context, s *Session, olderThan time.Duration, dry bool) (*retention.Report, error) {
	o := retention.Options{
		Store: s.store, StorePath: s.options.Settings.SQLitePath(), Home: s.home, Client: s.client, Namespace: engine.Namespace,
		Local: s.cluster == nil, Before: time.Now().Add(-olderThan), DryRun: dry,
	}
	if s.cluster != nil {
		o.Namespace = s.cluster.Namespace
	}
	return retention.Prune(ctx, o)
}

// OlderThan returns the age of runs that are pruned: what is asked for, else the retention of the settings.
func OlderThan(s *Session, asked *time.Duration) (time.Duration, error) {
	switch {
	case asked != nil:
		return *asked, nil
	case s.options.Settings.Retention > 0:
		return s.options.Settings.Retention, nil
	}
	return 0, protocol.Errorf(protocol.InvalidParams, "no retention is set, and no --older-than is given").
		WithHint("use --older-than 30d, or set `retention: 30d` in config.yaml")
}

// pruneRegularly prunes by the retention of the settings until ctx is done. Without one only the engine removes closed runs.
func pruneRegularly(ctx context.Context, s *Session) {
	age := s.options.Settings.Retention
	ticker := time.NewTicker(pruneEvery)
	defer ticker.Stop()
	notified := ""
	for {
		err := retention.Align(ctx, s.client, engine.Namespace, cmp.Or(age, engineRetention))
		if err == nil && age > 0 {
			var report *retention.Report
			if report, err = Prune(ctx, s, age, false); err == nil && !report.Empty() {
				s.notify(Pruned, "", "removed %s", Removed(report))
			}
		}
		if err != nil && ctx.Err() == nil && err.Error() != notified {
			notified = err.Error()
			s.notify(Warning, "", "warning: cannot prune old runs; retrying every %s: %s", pruneEvery, notified)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Removed returns what a report says in one line, without what there is nothing of.
func Removed(r *retention.Report) string {
	var parts []string
	for _, part := range []struct {
		count     int64
		one, many string
	}{
		{r.Runs.Count, "run", "runs"},
		{r.Tasks.Count, "record of tasks", "records of tasks"},
		{r.Cached.Count, "cached call", "cached calls"},
		{r.Values.Count, "value", "values"},
		{r.Histories, "history", "histories"},
		{r.Claims, "claim", "claims"},
	} {
		switch part.count {
		case 0:
		case 1:
			parts = append(parts, "1 "+part.one)
		default:
			parts = append(parts, fmt.Sprintf("%d %s", part.count, part.many))
		}
	}
	return cmp.Or(strings.Join(parts, ", "), "nothing")
}
