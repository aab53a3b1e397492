package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/mcpserver"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/internal/config"
	"github.com/gleitzeit/gleitzeit/internal/gate"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/version"
)

// mcpServing is the flags of mcp serve.
type mcpServing struct {
	folders []string
	any     bool
	http    string // Empty for standard input and output.
}

// anywhere is what --http alone stands for.
const anywhere = "loopback"

// mcpServeCommand is the command `mcp serve`.
type mcpServeCommand struct{ *program }

func (p mcpServeCommand) command() *cobra.Command {
	o := mcpServing{}
	command := &cobra.Command{
		Use:   "serve [--http [ADDRESS]]",
		Short: "Serve MCP: tools that validate, run, submit, follow and read workflows",
		Long: "Serve MCP on standard input and output, for a client that starts this command, or over HTTP on loopback.\n" +
			"Clients may run the workflows beneath the folders of --workflows, each of which gets a tool of its own;\n" +
			"without that flag, those beneath the current folder. Runs execute here, as those of `gleitzeit run`.",
		Example: "  gleitzeit mcp serve --workflows flows\n  gleitzeit mcp serve --http 8090",
		Args:    between(0, "ADDRESS"),
		RunE: func(command *cobra.Command, args []string) error {
			if len(args) > 0 && o.http != anywhere {
				return usageError{fmt.Errorf("unexpected argument %q; see `%s --help`", args[0], command.CommandPath())}
			}
			if len(args) > 0 {
				o.http = args[0]
			}
			return p.serve(command.Context(), o)
		},
	}
	command.Flags().StringArrayVar(&o.folders, "workflows", nil, "folder of workflows that clients may run, a tool for each; repeatable")
	command.Flags().BoolVar(&o.any, "allow-any-workflow", false, "let clients run any file, and workflows that they write: they can do whatever you can")
	command.Flags().StringVar(&o.http, "http", "", "serve streamable HTTP on loopback at `ADDRESS`, a port or host:port (default port "+strconv.Itoa(mcpserver.Port)+")")
	command.Flags().Lookup("http").NoOptDefVal = anywhere
	return command
}

func (p mcpServeCommand) serve(ctx context.Context, o mcpServing) (err error) {
	folder, err := os.Getwd()
	if err != nil {
		return protocol.Errorf(protocol.ConfigurationError, "cannot find the current folder: %s", err)
	}
	var folders []string
	for _, folder := range o.folders {
		if strings.HasPrefix(folder, "~/") { // No shell has seen what a client's settings say.
			folder = config.Absolute(folder)
		}
		folders = append(folders, folder)
	}
	if len(folders) == 0 && folder == "/" && !o.any {
		return protocol.Errorf(protocol.InvalidParams, "no workflows are named, and the current folder is /").
			WithHint("--workflows DIR names a folder whose workflows clients may run")
	}
	if len(folders) == 0 && folder != "/" {
		folders = []string{folder}
	}
	specs, err := runs.Specs(p.options(), false)
	if err != nil {
		return err
	}
	s, err := p.openOwnSession(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	living, leave := context.WithCancel(ctx)
	defer leave()
	executor := s.NewExecutor(living)
	server, err := mcpserver.New(mcpserver.Options{
		Version: version.Current(), Folders: folders, Tools: len(o.folders) > 0, Any: o.any, Folder: folder, Specs: specs,
		Tell: func(text string) { p.say("%s", text) }, Log: s.ServerLog(),
	}, &mcpRuns{s, executor, living, p.say})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	signals, release := p.interrupts.receive()
	defer release()
	serving, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-signals:
			stop()
		case <-serving.Done():
		}
	}()
	go executor.NotifyProblems(living)
	if o.http == "" {
		err = server.ServeStreams(serving, p.In, p.Out)
	} else {
		err = p.serveHTTP(serving, s, server, o.http)
	}
	for _, run := range executor.OpenRuns() {
		p.say("run %s stays open: `%s` resumes it, or a client that asks for it again; `gleitzeit cancel %s` cancels it", run, resumeCommand, run)
	}
	err = errors.Join(err, executor.Close())
	leave()
	return err
}

// mcpDocument is the document of a server over HTTP.
type mcpDocument struct {
	URL   string `json:"url"`
	Token string `json:"token_file"` // Clients send what is in it as Authorization: Bearer TOKEN.
	Home  string `json:"home"`
	PID   int    `json:"pid"`
}

func (p mcpServeCommand) serveHTTP(ctx context.Context, s *runs.Session, server *mcpserver.Server, address string) error {
	token, err := gate.LoadToken(s.Home().MCPToken())
	if err != nil {
		return protocol.Errorf(protocol.ConfigurationError, "cannot keep the token %q of the MCP server: %s", s.Home().MCPToken(), err)
	}
	if address == anywhere {
		address = ""
	}
	listening, err := mcpserver.Listen(ctx, server, address)
	if err != nil {
		return err
	}
	d := mcpDocument{URL: listening.URL(), Token: s.Home().MCPToken(), Home: s.Home().Path, PID: os.Getpid()}
	if p.output == asText {
		fmt.Fprintf(p.Out, "mcp    %s\ntoken  in %s\nhome   %s\nCtrl-C stops it; open runs are resumed by `%s`, or when a client asks for them again\n", d.URL, d.Token, d.Home, resumeCommand)
	} else if err := p.writeLine(d); err != nil {
		return err
	}
	return listening.Serve(ctx, token)
}
