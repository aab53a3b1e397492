package ollamatest

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ollama/ollama/api"
)

// copies are the tiny models under the names that tasks mean which name none.
var copies = map[string]string{"llama3.2": "tiny-script", "llava": "tiny-vision", "nomic-embed-text": "tiny-embed"}

// createModels makes the models as people do: from a Modelfile beside the weights.
func (s *Server) createModels() error {
	from, err := testdata()
	if err != nil {
		return err
	}
	weights, err := filepath.Glob(filepath.Join(from, "*.gguf.gz"))
	if err != nil || len(weights) == 0 {
		return errors.Join(fmt.Errorf("there are no models in %s", from), err)
	}
	for _, path := range weights {
		if err := unpack(path, filepath.Join(s.folder, strings.TrimSuffix(filepath.Base(path), ".gz"))); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, name := range []string{"tiny-script", "tiny-vision", "tiny-think", "tiny-embed"} {
		file := name + ".Modelfile"
		text, err := os.ReadFile(filepath.Join(from, file))
		if err == nil {
			err = os.WriteFile(filepath.Join(s.folder, file), text, 0o644)
		}
		if err != nil {
			return err
		}
		create := exec.CommandContext(ctx, s.program, "create", name, "-f", file)
		create.Dir, create.Env = s.folder, s.environment()
		if said, err := create.CombinedOutput(); err != nil {
			return fmt.Errorf("creating %s: %w\n%s", name, err, said)
		}
	}
	for name, source := range copies {
		if err := s.client().Copy(ctx, &api.CopyRequest{Source: source, Destination: name}); err != nil {
			return err
		}
	}
	return nil
}

func unpack(path, to string) (err error) {
	packed, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, packed.Close()) }()
	reader, err := gzip.NewReader(packed)
	if err != nil {
		return err
	}
	file, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, reader)
	return errors.Join(err, file.Close())
}

// Weights unpacks the file of a tiny model into a folder, for another server, and returns its path.
func Weights(t testing.TB, model, folder string) string {
	t.Helper()
	from, err := testdata()
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(folder, model+".gguf")
	if err := unpack(filepath.Join(from, model+".gguf.gz"), to); err != nil {
		t.Fatal(err)
	}
	return to
}
