package view

import "strings"

// ShellWords returns arguments as words of a shell, quoted where necessary.
func ShellWords(args ...string) string {
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = arg
		if arg == "" || strings.ContainsFunc(arg, func(r rune) bool { return !strings.ContainsRune(plainRunes, r) }) {
			words[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

const plainRunes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+./,:@%"

// WorkerCommand returns the command that serves a task queue.
func WorkerCommand(queue string) string { return ShellWords("gleitzeit", "worker", "--queue", queue) }
