package batchclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// download writes the files with the results: the error file first, so that beside a new output file there is the error file of the same
// batch. Without --output, both are printed, when all of both is there.
func (c *command) download(ctx context.Context, b *batch) error {
	for _, file := range []struct{ id, path string }{{b.ErrorFile, c.Errors}, {b.OutputFile, c.Output}} {
		if c.Output == "" {
			break
		}
		if err := home.ReplaceFile(resolved(file.path), func(to io.Writer) error { return c.content(ctx, file.id, to) }); err != nil {
			return c.notWritten(file.path, err)
		}
	}
	if c.Output != "" {
		if b.ErrorFile != "" {
			c.say("wrote the requests without an answer to " + c.Errors)
		}
		if b.OutputFile != "" {
			c.say("wrote the results to " + c.Output)
		} else {
			c.say("no request has an answer: " + c.Output + " is empty")
		}
		return nil
	}
	return c.print(ctx, b)
}

// print prints the output file and the error file.
func (c *command) print(ctx context.Context, b *batch) (err error) {
	all, err := os.CreateTemp("", "gleitzeit-batch-*")
	if err != nil {
		return c.notWritten("standard output", err)
	}
	defer func() { err = errors.Join(err, all.Close(), os.Remove(all.Name())) }()
	for _, id := range []string{b.OutputFile, b.ErrorFile} {
		if err := c.content(ctx, id, all); err != nil {
			return c.notWritten(all.Name(), err)
		}
	}
	if _, err = all.Seek(0, io.SeekStart); err == nil {
		_, err = io.Copy(c.out, all)
	}
	return err
}

// resolved is the file that a path leads to: a link stays.
func resolved(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target
	}
	return path
}

func (c *command) notWritten(path string, err error) error {
	if of, is := errors.AsType[*os.PathError](err); is {
		return protocol.Errorf(protocol.InvalidParams, "cannot write the results to %q: %s", path, of.Err)
	}
	return c.failed("download the results", err)
}

// content writes what a file on the server has. A download that is cut off continues where it was.
func (c *command) content(ctx context.Context, id string, to io.Writer) error {
	if id == "" { // No request has ended so.
		return nil
	}
	written := int64(0)
	for {
		before := written
		err := c.retry(ctx, func(err error) bool { return passing(err) && written == before }, func() error { return c.part(ctx, id, &written, to) })
		if err == nil || ctx.Err() != nil || written == before {
			return err
		}
	}
}

// part writes the rest of a file, and counts the bytes.
func (c *command) part(ctx context.Context, id string, written *int64, to io.Writer) error {
	var headers []string
	if *written > 0 {
		headers = []string{"Range", fmt.Sprintf("bytes=%d-", *written)}
	}
	response, err := c.do(ctx, http.MethodGet, "/files/"+url.PathEscape(id)+"/content", "", nil, 0, headers...)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }() // All of it is read, or cannot be.
	if response.StatusCode != http.StatusPartialContent && *written > 0 {
		if _, err := io.CopyN(io.Discard, response.Body, *written); err != nil { // A server without ranges sends all of it again.
			return &url.Error{Op: "Get", URL: c.base, Err: err}
		}
	}
	n, err := io.Copy(to, unfinished{response.Body})
	*written += n
	return err
}

// unfinished tells errors of the connection from those of the file that is written.
type unfinished struct{ from io.Reader }

// Read implements io.Reader.
func (u unfinished) Read(into []byte) (int, error) {
	n, err := u.from.Read(into)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &url.Error{Op: "Get", URL: "the results", Err: err}
	}
	return n, err
}
