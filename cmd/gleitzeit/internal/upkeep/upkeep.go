// Package upkeep has the commands about a home as a whole: prune, backup, restore and backend stats. It only parses arguments
// and prints: what is too old decides runs/retention, and files are copied by internal/backup.
package upkeep

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs/retention"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/backup"
	"github.com/gleitzeit/gleitzeit/internal/config"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// Program is what the commands use of the program.
type Program struct {
	Open      func(ctx context.Context) (*runs.Session, error)
	Settings  func() (*config.Settings, error)
	Temporal  func(*cobra.Command) *cobra.Command // Adds the flags of another Temporal server.
	Arguments func(names ...string) cobra.PositionalArgs
	Say       func(text string)               // Prints a line for people.
	Print     func(document any, text string) // Prints the result: the document to programs, the text to people.
}

// Commands returns the commands but StatsCommand, which is in a group.
func Commands(p Program) []*cobra.Command {
	return []*cobra.Command{p.pruneCommand(), p.backupCommand(), p.restoreCommand()}
}

func (p Program) pruneCommand() *cobra.Command {
	var olderThan string
	var dry bool
	command := p.Temporal(&cobra.Command{
		Use:   "prune",
		Short: "Remove old runs with their results and histories",
		Long: "Remove runs that ended a while ago, with their records, values and histories, and cached calls that are as old.\n" +
			"Without --older-than, the `retention` of the settings applies. Open runs, and all that they need, stay.\n" +
			"A server prunes by itself every hour if a retention is set.",
		Example: "  gleitzeit prune --older-than 30d --dry-run",
		Args:    p.Arguments(),
		RunE: func(command *cobra.Command, _ []string) error {
			var asked *time.Duration
			if command.Flags().Changed("older-than") {
				age, err := config.ParseAge(olderThan)
				if err != nil {
					return protocol.Errorf(protocol.InvalidParams, "--older-than: %s", err)
				}
				asked = &age
			}
			return p.prune(command.Context(), asked, dry)
		},
	})
	command.Flags().StringVar(&olderThan, "older-than", "", "time since the end of the runs that are removed, such as 30d, 12h or 90m (default: the retention of the settings)")
	command.Flags().BoolVar(&dry, "dry-run", false, "show what would be removed, and remove nothing")
	return command
}

func (p Program) prune(ctx context.Context, asked *time.Duration, dry bool) error {
	s, err := p.Open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	age, err := runs.OlderThan(s, asked)
	if err != nil {
		return err
	}
	if err := s.JoinAny(ctx); err != nil {
		return err
	}
	report, err := runs.Prune(ctx, s, age, dry)
	if err != nil {
		return err
	}
	for _, warning := range report.Warnings {
		p.Say("warning: " + warning)
	}
	if n := len(report.Unknown); n > 0 {
		p.Say(fmt.Sprintf("warning: runs that are recorded as running, and that this Temporal server does not know, stay: %s", strings.Join(report.Unknown[:min(n, 10)], ", ")))
	}
	p.Print(report, reportText(report))
	return nil
}

func reportText(r *retention.Report) string {
	rows := [][]string{{"KIND", "COUNT", "SIZE"}}
	rows = append(rows, kinds(r.Pruned)...)
	rows = append(rows, []string{"histories", strconv.FormatInt(r.Histories, 10), ""}, []string{"claims", strconv.FormatInt(r.Claims, 10), ""})
	end := fmt.Sprintf("runs that ended before %s are removed; the files have become %s smaller\n", r.Before.Local().Format(time.DateTime), bytesText(r.Freed))
	if r.DryRun {
		end = fmt.Sprintf("runs that ended before %s would be removed\n", r.Before.Local().Format(time.DateTime))
	}
	return view.Table(rows) + end
}

func kinds(of resultstore.Pruned) [][]string {
	return [][]string{row("runs", of.Runs), row("tasks", of.Tasks), row("cached calls", of.Cached), row("values", of.Values)}
}

func row(kind string, size resultstore.Size) []string {
	return []string{kind, strconv.FormatInt(size.Count, 10), bytesText(size.Bytes)}
}

func bytesText(size int64) string { return humanize.IBytes(uint64(max(0, size))) }

// StatsCommand is the command `backend stats`.
func StatsCommand(p Program) *cobra.Command {
	return &cobra.Command{
		Use:     "stats",
		Short:   "Show the size of the result store and of the engine by kind",
		Long:    "Show the size of the result store and of the engine's database by kind. No engine is started. It reads both whole.",
		Example: "  gleitzeit backend stats",
		Args:    p.Arguments(),
		RunE: func(command *cobra.Command, _ []string) error {
			s, err := p.Open(command.Context())
			if err != nil {
				return err
			}
			defer s.Close()
			stats, err := retention.Measure(command.Context(), s.Home(), s.Store(), s.ShownStore())
			if err != nil {
				return err
			}
			p.Print(stats, statsText(stats))
			return nil
		},
	}
}

func statsText(s *retention.Stats) string {
	only := func(kind string, bytes int64) []string { return []string{kind, "", bytesText(bytes)} }
	rows := [][]string{{"KIND", "COUNT", "SIZE"}}
	rows = append(rows, kinds(s.Store.Pruned)...)
	rows = append(rows, row("functions", s.Store.Functions), only("free", s.Store.Free), only("result store", s.Store.Total))
	if e := s.Engine; e != nil {
		rows = append(rows, row("histories", e.Histories), row("visibility", e.Visibility), row("queues", e.Queues),
			only("other", e.Other), only("free", e.Free), only("engine", e.Total))
	}
	return view.Table(append(rows, row("claims", s.Claims)))
}

func (p Program) backupCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Back up the home folder, which may be in use, to one file",
		Long: "Back up the engine's database, the result store, the claims of open runs and config.yaml to one file (ZIP).\n" +
			"The home may be in use: after `gleitzeit restore` open runs resume from the state of the copy.\n" +
			"Keys and tokens of the home are not in it; it does contain results, and config.yaml as it is.",
		Example: "  gleitzeit backup gleitzeit.zip",
		Args:    p.Arguments("FILE"),
		RunE: func(command *cobra.Command, args []string) error {
			return p.backup(command.Context(), args[0])
		},
	}
}

func (p Program) backup(ctx context.Context, file string) error {
	settings, err := p.Settings()
	if err != nil {
		return err
	}
	if settings.SQLitePath() == "" {
		return protocol.Errorf(protocol.ConfigurationError, "cannot back up the result store %s: it is not a file", settings.ShownStore()).
			WithHint("back up the engine and the server with the results together; docs/cluster.md shows how")
	}
	h, err := home.Open(settings.Home)
	if err != nil {
		return err
	}
	turn, err := h.TakeTurn(ctx, retention.Turn) // What is pruned between two copies would be missing in the second.
	if err != nil {
		return err
	}
	manifest, err := backup.Create(ctx, h, settings.SQLitePath(), file)
	if ended := turn.Done(); err == nil {
		err = ended
	}
	if err != nil {
		return err
	}
	p.Print(manifest, fmt.Sprintf("backed up %s to %s: %s\n", manifest.Home, file, filesText(manifest)))
	return nil
}

func filesText(m *backup.Manifest) string {
	var parts []string
	for _, f := range m.Files {
		parts = append(parts, f.Name+" ("+bytesText(f.Size)+")")
	}
	return strings.Join(parts, ", ")
}

func (p Program) restoreCommand() *cobra.Command {
	var force bool
	command := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make the home folder from a backup",
		Long: "Make the home folder from a backup. The folder must be empty or not exist; with --force it is kept under another name.\n" +
			"A folder that is in use is not replaced. Open runs resume with `gleitzeit server`, or with the commands that started them.",
		Example: "  gleitzeit restore gleitzeit.zip --home ~/restored",
		Args:    p.Arguments("FILE"),
		RunE: func(command *cobra.Command, args []string) error {
			return p.restore(command.Context(), args[0], force)
		},
	}
	command.Flags().BoolVar(&force, "force", false, "replace a home folder that is not empty, and keep it under another name")
	return command
}

func (p Program) restore(ctx context.Context, file string, force bool) error {
	settings, err := p.Settings()
	if err != nil {
		return err
	}
	restored, err := backup.Restore(ctx, file, settings.Home, force)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("restored %s from the backup of %s\n", settings.Home, restored.CreatedAt.Local().Format(time.DateTime))
	if restored.Former != "" {
		text += "the former folder is " + restored.Former + "\n"
	}
	p.Print(restored, text)
	// The restored config.yaml, or a variable, may name another store.
	if settings, err = p.Settings(); err != nil {
		return err
	}
	if results := (&home.Home{Path: settings.Home}).Results(); settings.Store != "sqlite:"+results {
		p.Say(fmt.Sprintf("warning: the settings name the result store %s; the restored one is %s", settings.ShownStore(), results))
	}
	return nil
}
