package completion

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

var shells = []string{"bash", "zsh", "fish", "powershell"}

// installed is the result of the command with --install.
type installed struct {
	Shell string `json:"shell"`
	File  string `json:"file"`
}

func (p Program) command(root *cobra.Command) *cobra.Command {
	install := false
	command := &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print, or install, what completes commands in a shell",
		Long: "Print the script that completes commands, flags, runs, tasks, methods, models and files in a shell: bash, zsh, fish\n" +
			"or powershell. With --install it is written to where bash (with the package bash-completion), zsh or fish find it;\n" +
			"the profile of powershell gets a block that calls it: the file that the variable PROFILE names, else the usual one.\n" +
			"`gleitzeit man DIR` writes the manual pages.",
		Example:           "  gleitzeit completion bash --install\n  source <(gleitzeit completion bash)\n  gleitzeit completion powershell",
		Args:              p.Arguments("SHELL"),
		ValidArgsFunction: cobra.FixedCompletions(shells, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(_ *cobra.Command, args []string) error {
			script, err := p.script(root, args[0])
			if err != nil {
				return err
			}
			if !install {
				p.Print(struct {
					Shell  string `json:"shell"`
					Script string `json:"script"`
				}{args[0], script}, script)
				return nil
			}
			return p.install(args[0], script)
		},
	}
	command.Flags().BoolVar(&install, "install", false, "write the script to the folder of the user in which the shell looks for it, or into its profile")
	return command
}

func (p Program) script(root *cobra.Command, shell string) (string, error) {
	var script bytes.Buffer
	var err error
	switch shell {
	case "bash":
		err = root.GenBashCompletionV2(&script, true)
	case "zsh":
		err = root.GenZshCompletion(&script)
	case "fish":
		err = root.GenFishCompletion(&script, true)
	case "powershell":
		err = root.GenPowerShellCompletionWithDesc(&script)
	default:
		return "", p.Invalid(fmt.Errorf("unknown shell %q; the shells are %s", shell, strings.Join(shells, ", ")))
	}
	return script.String(), err
}

// folder returns the folder of the user named by a variable, else one beneath the home directory.
func (p Program) folder(variable string, beneath ...string) (string, error) {
	if folder, _ := p.Env(variable); filepath.IsAbs(folder) {
		return folder, nil
	}
	user, err := os.UserHomeDir()
	return filepath.Join(slices.Insert(beneath, 0, user)...), err
}

func (p Program) install(shell, script string) error {
	var folder, next string
	var err error
	file := "gleitzeit"
	switch shell {
	case "bash":
		folder, err = p.folder("XDG_DATA_HOME", ".local", "share")
		folder = filepath.Join(folder, "bash-completion", "completions")
		next = "it works in new shells, if the package bash-completion is installed"
	case "zsh":
		folder, err = p.folder("ZDOTDIR")
		folder, file = filepath.Join(folder, ".zfunc"), "_gleitzeit"
		next = "it works in new shells if ~/.zshrc has the line: fpath=(" + folder + " $fpath); autoload -Uz compinit; compinit"
	case "fish":
		folder, err = p.folder("XDG_CONFIG_HOME", ".config")
		folder, file = filepath.Join(folder, "fish", "completions"), "gleitzeit.fish"
		next = "it works in new shells"
	default:
		return p.installProfile()
	}
	path := filepath.Join(folder, file)
	if err == nil {
		err = os.MkdirAll(folder, 0o755)
	}
	if err == nil {
		err = home.WriteAtomic(path, []byte(script))
	}
	if err != nil {
		return protocol.Errorf(protocol.ConfigurationError, "cannot write %q: %s", path, err).WithHint("`gleitzeit completion %s` prints the script", shell)
	}
	p.Print(installed{shell, path}, fmt.Sprintf("wrote %s\n%s\n", path, next))
	return nil
}
