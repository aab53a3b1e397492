package secretsource

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/compose-spec/compose-go/v2/dotenv"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// readDir returns the secret in the file of the name, without one line break at its end. The error is fs.ErrNotExist where
// there is no such file, or no such folder. Links are followed inside the folder, where Kubernetes has them, and not out of it.
func (s Sources) readDir(name string) (string, error) {
	root, err := os.OpenRoot(s.Dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return "", fs.ErrNotExist
		}
		return "", unreadable(s.Dir, err)
	}
	// Nothing was written.
	defer func() { _ = root.Close() }()
	path := filepath.Join(s.Dir, name)
	// A pipe must not block the task.
	file, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		// A link to nothing is a file that somebody wanted to be there.
		if _, there := root.Lstat(name); errors.Is(err, fs.ErrNotExist) && there != nil {
			return "", fs.ErrNotExist
		}
		return "", unreadable(path, err)
	}
	data, err := content(file)
	if err != nil {
		return "", unreadable(path, err)
	}
	text, whole := strings.CutSuffix(data, "\n")
	if whole {
		text = strings.TrimSuffix(text, "\r")
	}
	return text, nil
}

// content reads and closes a regular file of text.
func content(file *os.File) (text string, err error) {
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("not a regular file")
	}
	data, err := io.ReadAll(io.LimitReader(file, MaxSize+1))
	switch {
	case err != nil:
		return "", err
	case len(data) > MaxSize:
		return "", fmt.Errorf("the file is larger than %d MiB", MaxSize>>20)
	case !utf8.Valid(data):
		return "", errors.New("the file is not UTF-8 text")
	}
	return string(data), nil
}

// listDir returns the names of the secrets in the folder, and the problems of files that have the name of a secret and cannot
// be read. Other names are not secrets: those of Kubernetes (..data), hidden files, and folders.
func (s Sources) listDir() (names []string, problems []error) {
	if s.Dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		return nil, []error{unreadable(s.Dir, err)}
	}
	for _, entry := range entries {
		switch {
		case strings.HasPrefix(entry.Name(), ".") || entry.IsDir():
		case !IsName(entry.Name()):
			problems = append(problems, fmt.Errorf("%q is ignored: the name of a secret consists of letters, digits and underscores", filepath.Join(s.Dir, entry.Name())))
		default:
			if _, err := s.readDir(entry.Name()); err != nil {
				problems = append(problems, err)
				continue
			}
			names = append(names, entry.Name())
		}
	}
	return names, problems
}

// dollar stands for a dollar sign while a file is parsed: the parser has no mode without expansion of variables, and a part of
// a password must not become the name of one. The character is for private use.
const dollar = "\uF8F0"

var lineOf = regexp.MustCompile(`line (\d+)`)

// readEnvFile returns the secrets in a .env file, with the rules of Docker Compose for quotes and comments and without
// expansion. A line for GLEITZEIT_SECRET_NAME is the secret NAME, as it is where the file is given to a container. A missing
// file is an error: the settings name it.
func readEnvFile(path string) (map[string]string, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, unreadable(path, err)
	}
	text, err := content(file)
	if err == nil && strings.Contains(text, dollar) {
		err = errors.New("the file contains the character U+F8F0")
	}
	if err != nil {
		return nil, unreadable(path, err)
	}
	parsed, err := dotenv.Parse(strings.NewReader(strings.ReplaceAll(text, "$", dollar)))
	if err != nil {
		// The parser's own message has a part of the line, which may be the secret.
		at := ""
		if line := lineOf.FindStringSubmatch(err.Error()); line != nil {
			at = ":" + line[1]
		}
		return nil, protocol.Errorf(protocol.ConfigurationError, "cannot read the secrets in \"%s%s\": invalid syntax", path, at).
			WithHint("each line is NAME=VALUE; a value with spaces, quotes or # is in single quotes")
	}
	values := make(map[string]string, len(parsed))
	for full, value := range parsed {
		name, prefixed := strings.CutPrefix(full, Prefix)
		if _, known := values[name]; IsName(name) && (prefixed || !known) {
			values[name] = strings.ReplaceAll(value, dollar, "$")
		}
	}
	return values, nil
}

// unreadable is the error of a file or folder that has secrets.
func unreadable(path string, err error) error {
	if of, is := errors.AsType[*fs.PathError](err); is {
		err = of.Err
	}
	return protocol.Errorf(protocol.ConfigurationError, "cannot read the secret in %q: %s", path, err).
		WithHint("the worker's user must be able to read it; a link must stay inside the folder of the secrets")
}
