package retention

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/sqlitefile"
)

// Stats is what a home and its result store have, by kind.
type Stats struct {
	Store  StoreStats       `json:"store"`
	Engine *EngineStats     `json:"engine"` // Null where the home has no engine's database.
	Claims resultstore.Size `json:"claims"` // Files in the folders runs and turns.
}

// StoreStats is what a result store has.
type StoreStats struct {
	URL string `json:"url"` // Without a password.
	resultstore.Sizes
}

// EngineStats is what the engine's database has.
type EngineStats struct {
	Path       string           `json:"path"`
	Histories  resultstore.Size `json:"histories"`  // Of runs and calls, with their states.
	Visibility resultstore.Size `json:"visibility"` // What lists of runs are read from.
	Queues     resultstore.Size `json:"queues"`     // Task queues, and tasks that wait.
	Other      int64            `json:"other"`
	Free       int64            `json:"free"`
	Total      int64            `json:"total"`
}

// Measure reads the sizes. No process needs to run.
func Measure(ctx context.Context, h *home.Home, store resultstore.Store, url string) (*Stats, error) {
	sizes, err := store.Sizes(ctx)
	if err != nil {
		return nil, err
	}
	stats := &Stats{Store: StoreStats{url, sizes}}
	if stats.Engine, err = measureEngine(ctx, h.EngineDB()); err != nil {
		return nil, err
	}
	for _, folder := range []string{"runs", "turns"} {
		files, err := filepath.Glob(filepath.Join(h.Path, folder, "*"))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if info, err := os.Stat(file); err == nil {
				stats.Claims.Add(1, info.Size())
			}
		}
	}
	return stats, nil
}

func measureEngine(ctx context.Context, path string) (stats *EngineStats, err error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	file, err := sqlitefile.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	tables, err := file.Tables(ctx)
	if err != nil {
		return nil, err
	}
	stats = &EngineStats{Path: path}
	for table, bytes := range tables {
		switch {
		case strings.HasPrefix(table, "executions_visibility"):
			stats.Visibility.Bytes += bytes
		case strings.Contains(table, "task"), strings.HasPrefix(table, "queue"):
			stats.Queues.Bytes += bytes
		case strings.HasPrefix(table, "history"), strings.Contains(table, "execution"), strings.Contains(table, "info_maps"),
			strings.Contains(table, "requested"), strings.Contains(table, "chasm"), strings.Contains(table, "buffered_events"):
			stats.Histories.Bytes += bytes
		default:
			stats.Other += bytes
		}
	}
	for table, size := range map[string]*resultstore.Size{
		"executions": &stats.Histories, "executions_visibility": &stats.Visibility, "task_queues": &stats.Queues, "task_queues_v2": &stats.Queues,
	} {
		rows, err := file.Rows(ctx, table)
		if err != nil {
			return nil, err
		}
		size.Count += rows
	}
	space, err := file.Space(ctx)
	stats.Free, stats.Total = space.Free, space.Total
	return stats, err
}
