package activities

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// hashVersion is that of what callHash hashes: a change of it forgets whatever is cached.
const hashVersion = 1

// maxHashed is the size in bytes of the largest file whose content a call is told by.
const maxHashed = 1 << 30

// callHash tells calls apart by all that they name: method, parameters, program or script, results handed over, the
// content of files, and what the handler knows besides. The order of the parameters does not count; within them order
// does, because models and scripts see it. An error says why the call cannot be told from others: a file cannot be read,
// say, about which the handler has more to tell.
func callHash(ctx context.Context, m method, request protocol.Request) (string, error) {
	fields := []value.Field{
		{Name: "version", Value: value.Int(hashVersion)},
		{Name: "method", Value: value.String(request.Method)},
		{Name: "parameters", Value: byName(request.Parameters)},
		{Name: "dependencies", Value: value.Object(request.Dependencies...)},
	}
	if program := request.Program; program != nil {
		variables := make([]value.Value, len(program.Variables))
		for i, v := range program.Variables {
			variables[i] = value.List(value.String(v.Reference), v.Value)
		}
		fields = append(fields,
			value.Field{Name: "program", Value: value.String(program.Original)},
			value.Field{Name: "variables", Value: value.List(variables...)})
	}
	if request.Source != nil {
		fields = append(fields, value.Field{Name: "source", Value: value.String(request.Source.Text)})
	}
	contents, err := contentsOf(m, request)
	if err != nil {
		return "", err
	}
	fields = append(fields, value.Field{Name: "files", Value: value.List(contents...)})
	if handler, can := m.handler.(protocol.Identifier); can {
		identity, err := handler.Identity(ctx, request)
		if err != nil {
			return "", err
		}
		fields = append(fields, value.Field{Name: "identity", Value: identity})
	}
	sum := sha256.Sum256(value.Object(fields...).JSON())
	return hex.EncodeToString(sum[:]), nil
}

func byName(object value.Value) value.Value {
	if object.Kind() != value.KindObject {
		return object
	}
	return value.Object(slices.SortedStableFunc(slices.Values(object.Fields()), func(a, b value.Field) int { return cmp.Compare(a.Name, b.Name) })...)
}

// contentsOf are the hashes of the files that the parameters name, in their order.
func contentsOf(m method, request protocol.Request) ([]value.Value, error) {
	var all []value.Value
	for _, path := range pathsIn(m, request.Parameters) {
		hash, err := hashOfFile(request.Files, path)
		if err != nil {
			return nil, err
		}
		all = append(all, value.String(hash))
	}
	return all, nil
}

// pathsIn are the paths among the parameters: in those that hold files, and where the file goes that a call is about.
func pathsIn(m method, parameters value.Value) []string {
	places := slices.Clone(m.FileParameters)
	if m.ItemParameter != "" && !slices.Contains(places, m.ItemParameter) {
		places = append(places, m.ItemParameter)
	}
	var paths []string
	for _, place := range places {
		val := parameters
		for _, step := range strings.Split(place, ".") {
			val, _ = val.Get(step)
		}
		switch val.Kind() {
		case value.KindString:
			paths = append(paths, val.Text())
		case value.KindList:
			for _, element := range val.Elements() {
				paths = append(paths, element.Text())
			}
		}
	}
	return paths
}

func hashOfFile(from protocol.Files, path string) (string, error) {
	own, is := from.(files)
	if !is {
		return "", fmt.Errorf("files of the type %T", from)
	}
	sum := sha256.New()
	if err := own.look(path, maxHashed, func(content io.Reader) error {
		_, err := io.Copy(sum, content)
		return err
	}); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
