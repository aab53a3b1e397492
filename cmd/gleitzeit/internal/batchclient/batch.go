package batchclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// batch is a batch as the server describes it.
type batch struct {
	ID         string `json:"id"`
	Status     string `json:"status"`
	InputFile  string `json:"input_file_id"`
	OutputFile string `json:"output_file_id"`
	ErrorFile  string `json:"error_file_id"`
	CreatedAt  int64  `json:"created_at"`
	Counts     counts `json:"request_counts"`
	Errors     struct {
		Data []problem `json:"data"`
	} `json:"errors"`
}

// counts are those of a batch. They may be null.
type counts struct {
	Total     int `json:"total"`
	Completed int `json:"completed"`
	Failed    int `json:"failed"`
}

type problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Line    int    `json:"line"`
}

func (b *batch) ended() bool {
	switch b.Status {
	case "completed", "failed", "expired", "cancelled":
		return true
	}
	return false
}

// wait is how a batch is waited for.
const (
	firstPoll   = 250 * time.Millisecond
	longestPoll = 5 * time.Second
	// shownEvery is how often the progress is shown at most, unless the status changes.
	shownEvery = 10 * time.Second
	// waitPatience is how long a server may be unreachable while a batch is waited for: it is started again, or the network is back.
	waitPatience = 10 * time.Minute
)

// command is one execution of the command.
type command struct {
	Options
	*client
	home *home.Home
	out  io.Writer
	seen bool // The server has described the batch.
}

// uploaded is a file on the server.
type uploaded struct {
	ID        string `json:"id"`
	CreatedAt int64  `json:"created_at"`
}

// send uploads the requests and creates a batch of them, as far as the same command has not done it before.
func (c *command) send(ctx context.Context) (id string, err error) {
	of, err := readRequests(ctx, c.Requests)
	if err != nil {
		return "", err
	}
	name := c.name(c.base, of)
	turn, err := c.home.TakeTurn(ctx, "batch "+name) // The same command may be typed twice at a time.
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, turn.Done()) }()
	s, err := openSent(c.home, name, c.Another)
	if err != nil {
		return "", err
	}
	if s.Batch != "" {
		known, err := c.known(ctx, s.Batch)
		if known || err != nil {
			return s.Batch, err
		}
		c.say(fmt.Sprintf("batch %s is no longer on %s; sending the requests again", s.Batch, c.base))
		s.InputFile, s.Batch = "", ""
	}
	s.Server, s.Requests = c.base, of.path
	if s.InputFile == "" {
		file, err := c.upload(ctx, of)
		if err != nil {
			return "", err
		}
		s.InputFile, s.UploadedAt = file.ID, file.CreatedAt
		if err := s.save(); err != nil {
			return "", err
		}
	} else if s.Batch, err = c.find(ctx, s); err != nil { // The command was killed when it created the batch, before or after.
		return "", err
	}
	if s.Batch == "" {
		if s.Batch, err = c.create(ctx, s, of.endpoint); err != nil {
			return "", err
		}
		c.say(fmt.Sprintf("batch %s of %s", s.Batch, c.base))
	}
	return s.Batch, s.save()
}

// known reports whether the server has a batch.
func (c *command) known(ctx context.Context, id string) (bool, error) {
	var b batch
	err := c.get(ctx, "/batches/"+url.PathEscape(id), &b)
	if isMissing(err) {
		return false, nil
	}
	if err != nil {
		return false, c.failed("read batch "+id, err)
	}
	c.say(fmt.Sprintf("batch %s of %s was created before; continuing", id, c.base))
	return true, nil
}

// upload sends the file. It is not repeated once the server may have received a part of it: each upload is another file.
func (c *command) upload(ctx context.Context, of *requests) (*uploaded, error) {
	c.say(fmt.Sprintf("uploading %s (%d bytes)", value.Visible(c.Requests), of.size))
	file := &uploaded{}
	err := c.retry(ctx, untouched, func() error { return c.uploadOnce(ctx, of, file) })
	if err != nil {
		return nil, c.failed("upload "+strconv.Quote(c.Requests), err)
	}
	if file.ID == "" {
		return nil, c.invalid("the uploaded file has no id")
	}
	return file, nil
}

func (c *command) uploadOnce(ctx context.Context, of *requests, into *uploaded) error {
	opened, err := os.Open(of.path)
	if err != nil {
		return unreadable(c.Requests, err)
	}
	defer func() { _ = opened.Close() }() // It was only read.
	// The form is written around the file, so that its size is known: servers refuse one that is too large before they receive it.
	var head strings.Builder
	form := multipart.NewWriter(&head)
	err = form.WriteField("purpose", "batch")
	if err == nil {
		_, err = form.CreateFormFile("file", filepath.Base(of.path))
	}
	if err != nil {
		return err
	}
	before := head.String()
	head.Reset()
	if err := form.Close(); err != nil {
		return err
	}
	body := io.MultiReader(strings.NewReader(before), &exactly{from: opened, left: of.size}, strings.NewReader(head.String()))
	return c.decode(ctx, http.MethodPost, "/files", form.FormDataContentType(), body, int64(len(before))+of.size+int64(head.Len()), into)
}

// exactly is a file that still has the size that it had.
type exactly struct {
	from io.Reader
	left int64
}

// Read implements io.Reader.
func (r *exactly) Read(into []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := r.from.Read(into[:min(int64(len(into)), r.left)])
	if r.left -= int64(n); errors.Is(err, io.EOF) && r.left > 0 {
		err = protocol.Errorf(protocol.InvalidParams, "the request file has become smaller while it was sent")
	}
	return n, err
}

// create creates the batch. If it is not known whether the server has done it, the batch is looked for: a file is that of one batch.
func (c *command) create(ctx context.Context, s *sent, endpoint string) (string, error) {
	document := struct {
		InputFile string `json:"input_file_id"`
		Endpoint  string `json:"endpoint"`
		Window    string `json:"completion_window"`
	}{s.InputFile, endpoint, c.Window}
	var created batch
	err := c.retry(ctx, passing, func() error {
		posted := c.post(ctx, "/batches", document, &created)
		if posted == nil || untouched(posted) || !passing(posted) {
			return posted
		}
		id, err := c.find(ctx, s)
		if err != nil || id == "" {
			return errors.Join(posted, err)
		}
		created.ID = id
		return nil
	})
	switch {
	case isFinal(err):
		return "", errors.Join(c.failed("create a batch", err), c.discard(ctx, s))
	case err != nil:
		return "", c.failed("create a batch", err)
	case created.ID == "":
		return "", c.invalid("the batch has no id")
	}
	return created.ID, nil
}

// discard removes what is of no use after the server has refused the batch: the uploaded file, and the record of it. The file may have expired,
// or be deleted; if it stays on the server, nobody learns of another error than that of the batch.
func (c *command) discard(ctx context.Context, s *sent) error {
	_ = c.decode(ctx, http.MethodDelete, "/files/"+url.PathEscape(s.InputFile), "", nil, 0, &struct{}{})
	return s.remove()
}

// find returns the batch of an uploaded file; empty if there is none.
func (c *command) find(ctx context.Context, s *sent) (string, error) {
	after := ""
	for {
		var page struct {
			Data []batch `json:"data"`
			More bool    `json:"has_more"`
		}
		if err := c.get(ctx, "/batches?limit=100"+after, &page); err != nil {
			return "", c.failed("find out whether the batch was created", err)
		}
		for _, b := range page.Data {
			if b.InputFile == s.InputFile {
				return b.ID, nil
			}
		}
		last := len(page.Data) - 1
		if last < 0 || !page.More || page.Data[last].CreatedAt < s.UploadedAt {
			return "", nil // The newest come first: those that follow were there before the file.
		}
		after = "&after=" + url.QueryEscape(page.Data[last].ID)
	}
}

// wait waits until a batch has ended, and shows how far it is.
func (c *command) wait(ctx context.Context, id string) (*batch, error) {
	pause, shown, status, last := firstPoll, "", "", time.Time{}
	for {
		b := &batch{}
		if err := c.get(ctx, "/batches/"+url.PathEscape(id), b); err != nil {
			return nil, c.failed("read batch "+id, err)
		}
		if !c.seen { // Now it is known that there is a server: it may come back.
			c.seen, c.patience = true, waitPatience
		}
		if line := b.progress(); line != shown && (time.Since(last) >= shownEvery || b.Status != status) {
			shown, status, last = line, b.Status, time.Now()
			c.say(fmt.Sprintf("%s %s", id, line))
		}
		if b.ended() {
			return b, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
		pause = min(pause*3/2, longestPoll)
	}
}

// progress is a line about how far a batch is.
func (b *batch) progress() string {
	line := strings.ReplaceAll(b.Status, "_", " ")
	if b.Counts.Total > 0 {
		line += fmt.Sprintf(": %d of %d requests", b.Counts.Completed+b.Counts.Failed, b.Counts.Total)
	}
	if b.Counts.Failed > 0 {
		line += fmt.Sprintf(", %d failed", b.Counts.Failed)
	}
	return value.Visible(line)
}
