package batchclient

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// sent is what a command has sent so far. It is recorded step by step, until the results are there.
type sent struct {
	Server     string `json:"server"`
	Requests   string `json:"requests"` // The request file, absolute.
	InputFile  string `json:"input_file_id,omitempty"`
	UploadedAt int64  `json:"uploaded_at,omitempty"` // By the clock of the server.
	Batch      string `json:"batch,omitempty"`

	path string
}

// requests is a request file as it was read before it is sent.
type requests struct {
	path     string // Absolute.
	size     int64
	hash     string
	endpoint string // Of all of its requests: that of the first one.
}

// maxLine bounds a line that is looked at to find the endpoint, in bytes.
const maxLine = 64 << 20

// readRequests reads the file once: what it has, and where its requests go.
func readRequests(ctx context.Context, path string) (*requests, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	file, err := os.Open(absolute)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer func() { _ = file.Close() }() // It was only read.
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, unreadable(path, errors.Join(err, errors.New("not a regular file")))
	}
	r, hash := &requests{path: absolute}, sha256.New()
	lines := bufio.NewReaderSize(io.TeeReader(file, hash), 64<<10)
	for r.endpoint == "" {
		line, err := readLine(lines)
		var request struct {
			URL string `json:"url"`
		}
		if json.Unmarshal(bytes.TrimPrefix(line, []byte("\ufeff")), &request) == nil {
			r.endpoint = request.URL
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, unreadable(path, err)
		}
	}
	if r.endpoint == "" {
		return nil, protocol.Errorf(protocol.InvalidParams, "%q is not a request file: none of its lines has a url", path).
			WithHint("each line is a JSON object with custom_id, method, url and body")
	}
	if _, err := io.Copy(io.Discard, interruptible{ctx, lines}); err != nil {
		return nil, errors.Join(ctx.Err(), unreadable(path, err))
	}
	info, err := file.Stat()
	if err != nil {
		return nil, unreadable(path, err)
	}
	r.size, r.hash = info.Size(), hex.EncodeToString(hash.Sum(nil))
	return r, nil
}

// readLine returns a line, or nothing of one that is too long.
func readLine(from *bufio.Reader) (line []byte, err error) {
	for {
		piece, err := from.ReadSlice('\n')
		if line = append(line, piece...); len(line) > maxLine {
			line = nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// interruptible is a file that is no longer read when the command ends.
type interruptible struct {
	ctx  context.Context
	from io.Reader
}

// Read implements io.Reader.
func (r interruptible) Read(into []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.from.Read(into)
}

func unreadable(path string, err error) error {
	if of, is := errors.AsType[*fs.PathError](err); is {
		err = of.Err
	}
	return protocol.Errorf(protocol.InvalidParams, "cannot read %q: %s", path, err)
}

// name identifies what a command does: the same command continues it.
func (o *Options) name(base string, of *requests) string {
	output, err := filepath.Abs(o.Output)
	if o.Output == "" || err != nil {
		output = ""
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{base, of.path, of.hash, o.Window, output}, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// openSent returns what the same command has sent before; with another, nothing.
func openSent(h *home.Home, name string, another bool) (*sent, error) {
	s := &sent{path: filepath.Join(h.SentBatches(), name+".json")}
	data, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && another {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(data, s)
	}
	if err != nil {
		return nil, protocol.Errorf(protocol.ConfigurationError, "cannot read what was sent, in %q: %s", s.path, err).
			WithHint("use --new to send the requests again, or --batch ID for a batch that was created")
	}
	return s, nil
}

func (s *sent) save() error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(s.path), 0o700)
	}
	if err == nil {
		err = home.WriteAtomic(s.path, append(data, '\n'))
	}
	if err != nil {
		return protocol.Errorf(protocol.ConfigurationError, "cannot record what is sent: %s", err)
	}
	return nil
}

// remove removes the record: the same command begins from the start.
func (s *sent) remove() error {
	if err := os.Remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return protocol.Errorf(protocol.ConfigurationError, "cannot remove the record of what is sent: %s", err)
	}
	return nil
}

// forget removes what commands have recorded of a batch whose results are there.
func forget(h *home.Home, base, batch string) error {
	entries, err := os.ReadDir(h.SentBatches())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, entry := range entries {
		path := filepath.Join(h.SentBatches(), entry.Name())
		var s sent
		data, err := os.ReadFile(path)
		if err == nil && json.Unmarshal(data, &s) == nil && s.Server == base && s.Batch == batch {
			err = os.Remove(path)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot remove the record of batch %s: %w", batch, err)
		}
	}
	return err
}
