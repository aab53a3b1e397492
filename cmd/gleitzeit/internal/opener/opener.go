// Package opener is the command that opens the page of a run in the Web UI.
package opener

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net/url"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/internal/child"
	"github.com/gleitzeit/gleitzeit/internal/engine"
	"github.com/gleitzeit/gleitzeit/internal/gate"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Program is what the command uses of the program.
type Program struct {
	Open      func(ctx context.Context) (*runs.Session, error)
	Env       func(name string) (string, bool)
	Terminal  func() bool // Whether somebody looks at standard output.
	Arguments func(names ...string) cobra.PositionalArgs
	Say       func(text string)               // Prints a line for people.
	Print     func(document any, text string) // Prints the result: the document to programs, the text to people.
}

// page is the result of the command.
type page struct {
	Run    string `json:"run"`
	URL    string `json:"url"`
	Opened bool   `json:"opened"` // A browser was started.
}

// Command returns the command.
func Command(p Program) *cobra.Command {
	printOnly := false
	command := &cobra.Command{
		Use:   "open RUN",
		Short: "Open the page of a run in the Web UI, or print its link",
		Long: "Open the page of a run in the Web UI of `gleitzeit server`, which must be running. RUN may be " + runs.Latest + ".\n" +
			"Without a browser, or if standard output is not a terminal, the link is printed. It has the token that lets its\n" +
			"holder in: keep it to yourself.",
		Example: "  gleitzeit open " + runs.Latest + "\n  gleitzeit open " + runs.Latest + " --print",
		Args:    p.Arguments("RUN"),
		RunE: func(command *cobra.Command, args []string) error {
			return p.open(command.Context(), args[0], printOnly)
		},
	}
	command.Flags().BoolVar(&printOnly, "print", false, "print the link, and open nothing")
	return command
}

func (p Program) open(ctx context.Context, run string, printOnly bool) error {
	s, err := p.Open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := s.Connect(ctx); err != nil {
		return err
	}
	if run, err = s.Resolve(ctx, run); err != nil {
		return err
	}
	if _, err := s.Known(ctx, run); err != nil {
		return err
	}
	served, is, err := s.Home().Served()
	if err != nil {
		return err
	}
	if !is || served.UI == "" {
		return protocol.Errorf(protocol.EngineUnreachable, "no Web UI is served for %s", s.Home().Path).WithHint("`gleitzeit server` serves it, without --no-ui")
	}
	token, err := gate.LoadToken(s.Home().UIToken())
	if err != nil {
		return protocol.Errorf(protocol.ConfigurationError, "cannot read the token of the Web UI: %s", err)
	}
	address := url.URL{Scheme: "http", Host: served.UI, Path: "/namespaces/" + engine.Namespace + "/workflows/" + run, RawQuery: url.Values{"token": {token}}.Encode()}
	found := page{Run: run, URL: address.String()}
	if !printOnly && p.Terminal() && p.graphical() {
		if err := browse(ctx, p.Env, s.Home(), found.URL); err != nil {
			p.Say(fmt.Sprintf("cannot start a browser: %s", err))
		} else {
			found.Opened = true
		}
	}
	text := found.URL + "\n"
	if found.Opened {
		text = "opened " + (&url.URL{Scheme: address.Scheme, Host: address.Host, Path: address.Path}).String() + " in the browser\n"
	}
	p.Print(found, text)
	return nil
}

// graphical reports whether there may be a browser with a window.
func (p Program) graphical() bool {
	if runtime.GOOS == "darwin" || runtime.GOOS == "windows" {
		return true
	}
	for _, name := range []string{"DISPLAY", "WAYLAND_DISPLAY", "BROWSER"} {
		if value, _ := p.Env(name); value != "" {
			return true
		}
	}
	return false
}

// browse starts a browser on a page of the home folder that leads to the link: other users of the machine see the words of a command.
func browse(ctx context.Context, env child.Lookup, h *home.Home, link string) error {
	path := filepath.Join(h.Path, "open.html")
	text := fmt.Sprintf("<!doctype html><meta http-equiv=\"refresh\" content=\"0; url=%[1]s\"><a href=\"%[1]s\">Web UI</a>\n", html.EscapeString(link))
	if err := home.WriteAtomic(path, []byte(text)); err != nil {
		return err
	}
	words := []string{"xdg-open"}
	switch runtime.GOOS {
	case "darwin":
		words = []string{"open"}
	case "windows":
		words = []string{"rundll32", "url.dll,FileProtocolHandler"}
	}
	program, err := exec.LookPath(words[0])
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%s not found on PATH", words[0])
	}
	if err != nil {
		return err
	}
	environment := child.Environment(env, "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "XDG_CURRENT_DESKTOP", "DBUS_SESSION_BUS_ADDRESS", "BROWSER")
	return child.Command(ctx, environment, program, append(words[1:], path)...).Run()
}
