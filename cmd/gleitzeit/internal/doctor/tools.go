package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/activities/python"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// python checks the interpreters of the settings.
func (e *examination) python(ctx context.Context) {
	o := runs.PythonOptions(e.options.Settings)
	handler := python.New(o)
	for i, command := range append([]string{o.Interpreter}, o.Interpreters...) {
		name := "python"
		if i > 0 {
			name += " " + command
		}
		path, version, err := handler.Describe(ctx, command)
		if err != nil {
			e.fail(name, err)
			continue
		}
		if !python.CanFork {
			version += ", started anew for each script because this system cannot fork,"
		}
		e.add(name, ok, "", "%s at %s", version, path)
	}
	if err := handler.Close(); err != nil {
		e.fail("python", err)
	}
}

// sandbox starts a program in bubblewrap, which only tasks and settings with `sandbox: bwrap` need.
func (e *examination) sandbox(ctx context.Context) {
	o := runs.PythonOptions(e.options.Settings)
	folder, err := os.MkdirTemp("", "gleitzeit-doctor-*")
	if err == nil {
		_, err = python.SandboxCommand(ctx, "/bin/sh", folder, o.HiddenFolders)
		err = errors.Join(err, os.Remove(folder))
	}
	switch {
	case err == nil:
		e.add("bubblewrap", ok, "", "works")
	case o.Sandbox == python.SandboxBwrap:
		e.fail("bubblewrap", err)
	default:
		known := protocol.AsError(err, protocol.ConfigurationError)
		e.add("bubblewrap", ok, "", "not used by the settings; %s", known.Message)
	}
}

// servers asks each model server and each MCP server for its state.
func (e *examination) servers(ctx context.Context) {
	providers, closeAll, err := runs.OpenProviders(e.options)
	if err != nil {
		e.fail("providers", err)
		return
	}
	for _, of := range providers {
		states, _ := of.Probe(ctx, func(protocol.Server) bool { return true })
		for _, state := range states {
			switch {
			case of.Spec.Name == "llm/v1":
				e.modelServer(state)
			case state.Name != "": // The other one is built in.
				e.toolServer(state)
			}
		}
	}
	if err := closeAll(); err != nil {
		e.fail("providers", err)
	}
}

func (e *examination) modelServer(s protocol.ServerState) {
	settings := e.options.Settings
	at := slices.IndexFunc(settings.Providers, func(p protocol.ProviderSettings) bool { return p.Name == s.Provider })
	name := s.Provider + " " + s.URL
	if s.Error != nil {
		e.fail(name, s.Error)
		return
	}
	parts := []string{counted(len(s.Models), "model")}
	if s.Version != "" {
		parts = append([]string{"version " + s.Version}, parts...)
	}
	if len(s.Loaded) > 0 {
		parts = append(parts, strings.Join(s.Loaded, ", ")+" in memory")
	}
	if s.Context > 0 {
		parts = append(parts, fmt.Sprintf("context of %d tokens", s.Context))
	}
	if s.Slots > 0 {
		parts = append(parts, counted(s.Slots, "slot"))
	}
	parts = append(parts, fmt.Sprintf("at most %s at once", counted(s.MaxConcurrent, "call")), truncation(s))
	detail := strings.Join(parts, "; ")
	var wanted []modelSetting
	if at >= 0 {
		own := settings.Providers[at]
		wanted = []modelSetting{{"model", "tasks", own.Model}}
		// Not everybody has images, or searches: a default that is missing is no problem before a task asks for it.
		for _, other := range []modelSetting{{"vision_model", "tasks with llm/vision", own.VisionModel}, {"embed_model", "tasks with llm/embed", own.EmbedModel}} {
			if e.isSet("providers." + s.Provider + "." + other.key) {
				wanted = append(wanted, other)
			}
		}
	}
	if len(s.Models) == 0 {
		model := ""
		if at >= 0 {
			model = wanted[0].name
		}
		e.add(name, problem, "set auto_pull: true, or fetch a model on the server"+fetching(s.Provider, model), "%s", detail)
		return
	}
	tagged := func(name string) string { return strings.TrimSuffix(name, ":latest") }
	told := map[string]bool{"": true}
	for _, w := range wanted {
		if told[w.name] || slices.ContainsFunc(s.Models, func(m string) bool { return tagged(m) == tagged(w.name) }) {
			continue
		}
		told[w.name] = true
		e.add(name, warning, fmt.Sprintf("set `providers.%s.%s` to one of %s, or fetch it%s", s.Provider, w.key, firstOf(s.Models), fetching(s.Provider, w.name)),
			"%s; the model %q of %s that name none is missing", detail, w.name, w.of)
	}
	if len(told) == 1 {
		e.add(name, ok, "", "%s", detail)
	}
}

// isSet reports whether a setting has another value than its default.
func (e *examination) isSet(key string) bool {
	for _, entry := range e.options.Settings.Entries {
		if entry.Name == key {
			return entry.From != "default"
		}
	}
	return false
}

// modelSetting is the setting of the model of tasks that name none.
type modelSetting struct{ key, of, name string }

// fetching returns the command that fetches a model, where it is known.
func fetching(provider, model string) string {
	for _, known := range runs.ConfigOptions(nil, "").Providers {
		if known.Name == provider && known.Fetch != nil && model != "" {
			return ": `" + view.ShellWords(append(slices.Clone(known.Fetch), model)...) + "`"
		}
	}
	return ""
}

// truncation says what the server does with a prompt that is longer than its context.
func truncation(s protocol.ServerState) string {
	for _, p := range runs.ConfigOptions(nil, "").Providers {
		if p.Name == s.Provider && p.Cuts {
			return "truncates long prompts, with a warning unless on_truncation says otherwise"
		}
	}
	if s.Context > 0 {
		return "rejects prompts that are longer"
	}
	return "does not report its context"
}

// firstOf lists a few names.
func firstOf(names []string) string {
	const few = 5
	if len(names) > few {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
	}
	return strings.Join(names, ", ")
}

func (e *examination) toolServer(s protocol.ServerState) {
	name := s.Provider + " " + s.Name
	if s.Error != nil {
		known := *protocol.AsError(s.Error, protocol.ConfigurationError)
		if known.Hint == "" {
			known.Hint = fmt.Sprintf("try its command, or its url, by hand: `mcp_servers.%s` of %s has it", s.Name, e.options.Settings.File)
		}
		e.fail(name, &known)
		return
	}
	detail := "answers"
	if s.Version != "" {
		detail += ", version " + s.Version
	}
	e.add(name, ok, "", "%s", detail)
}

// ports checks those on which a server of this home would listen.
func (e *examination) ports(ctx context.Context) {
	settings := e.options.Settings
	if err := listen(ctx, 0); err != nil {
		e.add("ports", problem, "the engine needs ports of the loopback interface: check its address and limits of the system", "cannot listen on 127.0.0.1: %v", err)
		return
	}
	served, isServed := home.Server{}, false
	if folder, err := home.Look(settings.Home); err == nil {
		if served, isServed, err = folder.Served(); err != nil {
			e.fail("ports", err)
			return
		}
	}
	if isServed {
		e.add("ports", ok, "", "in use by the server of this home, process %d", served.PID)
		return
	}
	wanted := []struct {
		what, flag string
		port       int
	}{{"the Web UI", "--ui-port", runs.UIPort}}
	if settings.Server.BatchAPI && settings.Server.BatchAPIPort > 0 {
		wanted = append(wanted, struct {
			what, flag string
			port       int
		}{"the Batch API", "--batch-api-port", settings.Server.BatchAPIPort})
	}
	for _, w := range wanted {
		name := "port " + strconv.Itoa(w.port)
		if err := listen(ctx, w.port); err != nil {
			e.add(name, warning, fmt.Sprintf("`gleitzeit server` uses another port for %s, or the one of %s", w.what, w.flag), "in use by another program")
			continue
		}
		e.add(name, ok, "", "free for %s of `gleitzeit server`", w.what)
	}
}

func listen(ctx context.Context, port int) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	return listener.Close()
}
