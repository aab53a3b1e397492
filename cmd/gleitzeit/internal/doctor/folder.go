package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/open"
)

// disk is what the system reports of the disk of a folder.
type disk struct {
	free   uint64
	kind   string // Of the file system, where it is known: "nfs".
	remote bool   // Other machines serve it.
}

// Free space in bytes below which there is a problem, or a warning.
const (
	fullDisk  = 100 << 20
	smallDisk = 1 << 30
)

// folder checks the home folder and what is in it.
func (e *examination) folder(ctx context.Context) {
	s := e.options.Settings
	if s.InMemory() {
		e.add("home", ok, "", "a temporary folder for each run, because results are kept in memory")
		e.disk(os.TempDir())
		e.add("clock", ok, "", "%s", time.Now().Format(time.DateTime+" MST"))
		e.add("store", warning, "set GLEITZEIT_PERSISTENCE_BACKEND to sqlite to keep results", "memory: nothing of a run remains when its process ends")
		return
	}
	info, err := os.Stat(s.Home)
	if errors.Is(err, fs.ErrNotExist) {
		e.newHome(ctx)
		return
	}
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("the home folder %q is not a folder", s.Home)
	}
	var folder *home.Home
	if err == nil {
		folder, err = home.Open(s.Home)
	}
	switch {
	case err != nil:
		e.fail("home", err)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		e.add("home", warning, "chmod 700 "+s.Home, "%s can be read by other users (mode %04o)", s.Home, info.Mode().Perm())
	default:
		e.add("home", ok, "", "%s", s.Home)
	}
	if folder != nil {
		if err := folder.CheckLocks(); err != nil {
			e.fail("locks", err)
		} else {
			e.add("locks", ok, "", "work in the home folder")
		}
	}
	e.disk(s.Home)
	e.records(ctx)
}

// newHome checks where the home folder will be.
func (e *examination) newHome(ctx context.Context) {
	s := e.options.Settings
	above := filepath.Dir(s.Home)
	for {
		if _, err := os.Stat(above); err == nil || filepath.Dir(above) == above {
			break
		}
		above = filepath.Dir(above)
	}
	probe, err := os.CreateTemp(above, ".gleitzeit-*")
	if err == nil {
		err = errors.Join(probe.Close(), os.Remove(probe.Name()))
	}
	if err != nil {
		e.add("home", problem, "set GLEITZEIT_HOME or --home to a folder that you can write", "%s does not exist and cannot be created: %v", s.Home, cause(err))
	} else {
		e.add("home", ok, "", "%s does not exist yet; the first run creates it", s.Home)
		e.disk(above)
	}
	e.clock(time.Time{})
	if s.SQLitePath() == "" {
		e.remoteStore(ctx)
	} else {
		e.add("store", ok, "", "%s does not exist yet", s.ShownStore())
	}
	e.add("engine", ok, "", "not running; `gleitzeit run` and `gleitzeit server` start one")
}

// remoteStore checks a store that is not in the home folder, which does not exist.
func (e *examination) remoteStore(ctx context.Context) {
	s := e.options.Settings
	store, err := open.Store(ctx, s.Store)
	if err == nil {
		err = store.Close()
	}
	if err != nil {
		e.fail("store", err)
		return
	}
	e.add("store", ok, "", "%s", s.ShownStore())
}

func cause(err error) error {
	if of, is := errors.AsType[*fs.PathError](err); is {
		return of.Err
	}
	return err
}

// disk checks the disk of a folder.
func (e *examination) disk(folder string) {
	found, known, err := diskOf(folder)
	switch {
	case err != nil:
		e.add("disk", warning, "", "cannot find how much space is left: %v", cause(err))
		return
	case !known:
		return
	}
	text := humanize.IBytes(found.free) + " free"
	if found.kind != "" {
		text += ", " + found.kind
	}
	switch {
	case found.remote:
		e.add("disk", problem, "set GLEITZEIT_HOME or --home to a folder on a local disk: databases and locks need one", "%s is on a network file system: %s", folder, text)
	case found.free < fullDisk:
		e.add("disk", problem, "free some, or `gleitzeit prune --older-than 30d`", "%s", text)
	case found.free < smallDisk:
		e.add("disk", warning, "free some, or `gleitzeit prune --older-than 30d`", "%s", text)
	default:
		e.add("disk", ok, "", "%s", text)
	}
}

// records checks the store and the engine, and compares the clock with the newest run.
func (e *examination) records(ctx context.Context) {
	s, err := runs.OpenToShow(ctx, e.options)
	if err != nil {
		e.clock(time.Time{})
		e.fail("store", err)
		return
	}
	defer s.Close()
	newest, err := s.List(ctx, runs.Query{Limit: 1})
	if err != nil {
		e.clock(time.Time{})
		e.fail("store", err)
	} else {
		var last time.Time
		if len(newest) > 0 {
			last = newest[0].StartedAt
		}
		e.clock(last)
		e.add("store", ok, "", "%s", s.ShownStore())
	}
	e.engine(ctx, s)
}

func (e *examination) engine(ctx context.Context, s *runs.Session) {
	running, err := s.Connect(ctx)
	if err != nil {
		e.fail("engine", err)
		return
	}
	state, err := s.Engine(ctx, running)
	switch {
	case err != nil:
		e.fail("engine", err)
	case !running:
		e.add("engine", ok, "", "not running; `gleitzeit run` and `gleitzeit server` start one")
	case state.PID == 0:
		e.add("engine", ok, "", "Temporal %s at %s, namespace %s", state.Version, state.Address, state.Namespace)
	default:
		e.add("engine", ok, "", "Temporal %s at %s, process %d", state.Version, state.Address, state.PID)
	}
}

// earliest is before every build of the program: a clock that shows less was never set.
var earliest = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// skew is how far the clock may be behind the newest run.
const skew = time.Minute

func (e *examination) clock(newest time.Time) {
	now := time.Now()
	const remedy = "set the clock: schedules, retention and the order of runs depend on it"
	switch {
	case now.Before(earliest):
		e.add("clock", problem, remedy, "it shows %s", now.Format(time.DateTime+" MST"))
	case newest.After(now.Add(skew)):
		e.add("clock", problem, remedy, "it shows %s, and the newest run started at %s", now.Format(time.DateTime+" MST"), newest.Local().Format(time.DateTime))
	default:
		e.add("clock", ok, "", "%s", now.Format(time.DateTime+" MST"))
	}
}
