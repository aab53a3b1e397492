package python

import (
	"os"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/child"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// baseEnvironment returns the variables with which every interpreter starts, as "NAME=value". Any other variable of the
// worker, such as a key or a token, must be passed with `env` or `${env.NAME}`.
func baseEnvironment() []string {
	return append([]string{"PYTHONUTF8=1", "PYTHONIOENCODING=utf-8"}, child.Environment(os.LookupEnv)...)
}

// scriptEnvironment returns the variables that a script sees.
func scriptEnvironment(allowed []string, parameters value.Value, temp string) (value.Value, error) {
	var fields []value.Field
	set := func(name, val string) {
		if at := slices.IndexFunc(fields, func(f value.Field) bool { return f.Name == name }); at >= 0 {
			fields[at].Value = value.String(val)
			return
		}
		fields = append(fields, value.Field{Name: name, Value: value.String(val)})
	}
	for _, entry := range baseEnvironment() {
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

// envParameter reads the parameter `env`: a list selects among the variables that the settings allow, an object sets further
// variables.
func envParameter(configured []string, parameters value.Value) (allowed []string, own []value.Field, err error) {
	asked, given := parameters.Get("env")
	switch {
	case !given || asked.IsNull():
		return configured, nil, nil
	case asked.Kind() == value.KindList:
		for _, element := range asked.Elements() {
			if !slices.Contains(configured, element.Text()) {
				return nil, nil, protocol.Errorf(protocol.InvalidParams, "env: the worker's settings do not allow the variable %q", element.Text()).
					WithHint("add it to python.env in config.yaml, or pass its value: env: {%s: \"${env.%[1]s}\"}", element.Text())
			}
			allowed = append(allowed, element.Text())
		}
		return allowed, nil, nil
	case asked.Kind() != value.KindObject:
		return nil, nil, protocol.Errorf(protocol.InvalidParams, "env must be an object of variables or a list of names, not a %s", asked.Kind())
	}
	for _, field := range asked.Fields() {
		text := field.Value.Text()
		switch field.Value.Kind() {
		case value.KindString:
		case value.KindNumber, value.KindBool:
			text = string(field.Value.JSON())
		default:
			return nil, nil, protocol.Errorf(protocol.InvalidParams, "the variable %q of env must be a string, a number or a boolean, not a %s", field.Name, field.Value.Kind())
		}
		if field.Name == "" || strings.ContainsAny(field.Name, "=\x00") || strings.Contains(text, "\x00") {
			return nil, nil, protocol.Errorf(protocol.InvalidParams, "env: %q is not a valid environment variable", field.Name)
		}
		own = append(own, value.Field{Name: field.Name, Value: value.String(text)})
	}
	return configured, own, nil
}
