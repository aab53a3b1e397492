package python

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// passed are the variables that every script sees of the worker's environment, beside all that begin with LC_. Anything
// else, a key or a token above all, is handed over by `env` or `${env.NAME}`, or not at all.
var passed = []string{"PATH", "HOME", "LANG", "TZ", "SYSTEMROOT"}

// environment is what every interpreter starts with: "NAME=value".
func environment() []string {
	clean := []string{"PYTHONUTF8=1", "PYTHONIOENCODING=utf-8"}
	for _, name := range passed {
		if value, set := os.LookupEnv(name); set {
			clean = append(clean, name+"="+value)
		}
	}
	for _, entry := range os.Environ() {
		if strings.HasPrefix(entry, "LC_") {
			clean = append(clean, entry)
		}
	}
	return clean
}

// environmentOf is what one script sees.
func scriptEnvironment(allowed []string, parameters value.Value, temp string) (value.Value, error) {
	var fields []value.Field
	set := func(name, val string) {
		if at := slices.IndexFunc(fields, func(f value.Field) bool { return f.Name == name }); at >= 0 {
			fields[at].Value = value.String(val)
			return
		}
		fields = append(fields, value.Field{Name: name, Value: value.String(val)})
	}
	for _, entry := range environment() {
		name, value, _ := strings.Cut(entry, "=")
		set(name, value)
	}
	allowed, own, err := envParameter(allowed, parameters)
	if err != nil {
		return value.Value{}, err
	}
	for _, name := range allowed {
		if value, there := os.LookupEnv(name); there {
			set(name, value)
		}
	}
	for _, field := range own {
		set(field.Name, field.Value.Text())
	}
	set("TMPDIR", temp)
	return value.Object(fields...), nil
}

// environmentAsked reads the parameter `env`: a list chooses among the variables that the configuration lets through, an
// object sets variables beside all of these.
func envParameter(configured []string, parameters value.Value) (allowed []string, own []value.Field, err error) {
	asked, given := parameters.Get("env")
	switch {
	case !given || asked.IsNull():
		return configured, nil, nil
	case asked.Kind() == value.KindList:
		for _, element := range asked.Elements() {
			if !slices.Contains(configured, element.Text()) {
				return nil, nil, protocol.Errorf(protocol.InvalidParams, "env asks for the variable %q, which the configuration does not let through", element.Text()).
					WithHint("add it to python.env in config.yaml, or hand its value over: env: {%s: \"${env.%[1]s}\"}", element.Text())
			}
			allowed = append(allowed, element.Text())
		}
		return allowed, nil, nil
	case asked.Kind() != value.KindObject:
		return nil, nil, protocol.Errorf(protocol.InvalidParams, "env is a %s; it must be an object of variables, or a list of names", asked.Kind())
	}
	for _, field := range asked.Fields() {
		text := field.Value.Text()
		switch field.Value.Kind() {
		case value.KindString:
		case value.KindNumber, value.KindBool:
			text = string(field.Value.JSON())
		default:
			return nil, nil, protocol.Errorf(protocol.InvalidParams, "the variable %q of env is a %s; it must be text", field.Name, field.Value.Kind())
		}
		if field.Name == "" || strings.ContainsAny(field.Name, "=\x00") || strings.Contains(text, "\x00") {
			return nil, nil, protocol.Errorf(protocol.InvalidParams, "env sets %q, which no environment can hold", field.Name)
		}
		own = append(own, value.Field{Name: field.Name, Value: value.String(text)})
	}
	return configured, own, nil
}

// remove deletes a script's temporary folder, folders that the script made unwritable included.
func remove(temp string) error {
	if os.RemoveAll(temp) == nil {
		return nil
	}
	err := filepath.WalkDir(temp, func(path string, entry fs.DirEntry, _ error) error {
		if entry != nil && entry.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return os.RemoveAll(temp)
}
