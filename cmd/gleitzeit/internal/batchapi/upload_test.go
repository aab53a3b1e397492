package batchapi

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// rig is an API without a guard, for uploads.
type rig struct {
	*api
	t      *testing.T
	server *httptest.Server
}

func newRig(t *testing.T, most int64, change func(*api)) *rig {
	t.Helper()
	kept, err := openStorage(t.TempDir(), slog.New(slog.DiscardHandler))
	programtest.Must(t, err)
	o := Options{MaxBytes: most, MaxRequests: 10, Log: slog.New(slog.DiscardHandler)}
	a := newAPI(o, kept, newBatches(t.Context(), o, kept))
	change(a)
	r := &rig{a, t, httptest.NewServer(a.routes())}
	t.Cleanup(r.server.Close)
	return r
}

// form returns a form with a file, and its type.
func form(content string) (body []byte, contentType string) {
	var buffer bytes.Buffer
	writer := multipart.NewWriter(&buffer)
	part, _ := writer.CreateFormFile("file", "../../r.jsonl")
	_, _ = io.WriteString(part, content)
	_ = writer.WriteField("purpose", "batch")
	_ = writer.Close()
	return buffer.Bytes(), writer.FormDataContentType()
}

func (r *rig) upload(content string) (int, fileDocument) {
	r.t.Helper()
	body, kind := form(content)
	response, err := http.Post(r.server.URL+"/v1/files", kind, bytes.NewReader(body))
	programtest.Must(r.t, err)
	defer func() { _ = response.Body.Close() }()
	var f fileDocument
	programtest.Must(r.t, json.NewDecoder(response.Body).Decode(&f))
	return response.StatusCode, f
}

// begin sends the beginning of an upload of a length, and leaves the connection open.
func (r *rig) begin(length int) net.Conn {
	r.t.Helper()
	body, kind := form(strings.Repeat("x", 1000))
	connection, err := net.Dial("tcp", r.server.Listener.Addr().String())
	programtest.Must(r.t, err)
	r.t.Cleanup(func() { _ = connection.Close() })
	_, err = fmt.Fprintf(connection, "POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", kind, length, body[:500])
	programtest.Must(r.t, err)
	return connection
}

// response reads the response to what begin has sent.
func (r *rig) response(connection net.Conn) (status int, retry, body string) {
	r.t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	programtest.Must(r.t, err)
	text, err := io.ReadAll(response.Body)
	programtest.Must(r.t, errors.Join(err, response.Body.Close()))
	return response.StatusCode, response.Header.Get("Retry-After"), string(text)
}

// holds waits until a folder has so many files.
func (r *rig) holds(folder string, count int) {
	r.t.Helper()
	programtest.Eventually(r.t, fmt.Sprintf("%d files in %s", count, folder), func() bool {
		entries, err := os.ReadDir(r.storage.path(folder))
		return err == nil && len(entries) == count
	})
}

// Of 200 clients that upload at once and stop in the middle, a few are served, the others are told to come again, and nothing is left when
// they are gone.
func TestUploadsAtOnce(t *testing.T) {
	const clients = 200
	r := newRig(t, 1<<20, func(a *api) { a.wait = 100 * time.Millisecond })
	connections := make([]net.Conn, clients)
	for i := range connections {
		connections[i] = r.begin(100_000)
	}
	r.holds(uploadsFolder, maxUploads)
	var mu sync.Mutex
	var reading sync.WaitGroup
	refused := 0
	for _, connection := range connections {
		reading.Go(func() {
			if response, err := http.ReadResponse(bufio.NewReader(connection), nil); err == nil {
				mu.Lock()
				defer mu.Unlock()
				if refused++; response.StatusCode != http.StatusTooManyRequests || response.Header.Get("Retry-After") != "5" {
					t.Errorf("the status is %d", response.StatusCode)
				}
				_ = response.Body.Close()
			}
		})
	}
	programtest.Eventually(t, "the others are refused", func() bool { mu.Lock(); defer mu.Unlock(); return refused == clients-maxUploads })
	for _, connection := range connections {
		_ = connection.Close()
	}
	reading.Wait()
	r.holds(uploadsFolder, 0)
	r.holds(filesFolder, 0)
	if status, _ := r.upload("a"); status != http.StatusOK {
		t.Errorf("afterwards the status is %d", status)
	}
}

func TestUploadsWithinTheLimitSucceedAtOnce(t *testing.T) {
	r := newRig(t, 1<<20, func(*api) {})
	var sending sync.WaitGroup
	for i := range 200 {
		sending.Go(func() {
			if status, f := r.upload(strings.Repeat(fmt.Sprintf("%06d\n", i%10), 1000)); status != http.StatusOK || f.Bytes != 7000 || f.Filename != "r.jsonl" {
				t.Errorf("status %d, %+v", status, f)
			}
		})
	}
	sending.Wait()
	r.holds(filesFolder, 200)
	r.holds(contentFolder, 10) // Equal ones are stored once.
	r.holds(uploadsFolder, 0)
}

// A file over the limit is refused before it is received, or as soon as it is over it.
func TestUploadOverTheLimit(t *testing.T) {
	r := newRig(t, 100_000, func(*api) {})
	status, _, body := r.response(r.begin(10 << 30))
	if want := `{"error":{"message":"The file is too large: at most 100000 bytes are accepted.","type":"invalid_request_error","param":"file","code":"file_too_large"}}` + "\n"; status != 413 || body != want {
		t.Errorf("%d %s", status, body)
	}
	head, kind := form("")
	head = head[:bytes.Index(head, []byte("\r\n\r\n"))+4]
	sent := &counted{from: io.MultiReader(bytes.NewReader(head), endless{})}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.server.URL+"/v1/files", sent) // Without a length.
	programtest.Must(t, err)
	request.Header.Set("Content-Type", kind)
	if response, err := http.DefaultClient.Do(request); err == nil { // The client may see that the connection is closed first.
		if response.StatusCode != 413 {
			t.Errorf("the status is %d", response.StatusCode)
		}
		_ = response.Body.Close()
	}
	if n := sent.count(); n > 32<<20 {
		t.Errorf("%d bytes were sent", n)
	}
	r.holds(uploadsFolder, 0)
	r.holds(contentFolder, 0)
	if status, f := r.upload(strings.Repeat("x", 100_000)); status != http.StatusOK || f.Bytes != 100_000 {
		t.Errorf("a file of the limit: %d %+v", status, f)
	}
}

// counted counts what is read of a body.
type counted struct {
	mu   sync.Mutex
	from io.Reader
	n    int
}

func (c *counted) Read(into []byte) (int, error) {
	n, err := c.from.Read(into)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += n
	return n, err
}

func (c *counted) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

type endless struct{}

func (endless) Read(into []byte) (int, error) {
	clear(into)
	return len(into), nil
}

func TestClientThatVanishes(t *testing.T) {
	r := newRig(t, 1<<20, func(*api) {})
	connection := r.begin(100_000)
	r.holds(uploadsFolder, 1)
	programtest.Must(t, connection.Close())
	r.holds(uploadsFolder, 0)
	r.holds(filesFolder, 0)
	r.holds(contentFolder, 0)
}

func TestSlowClients(t *testing.T) {
	r := newRig(t, 64<<20, func(a *api) { a.pace = pace{200 * time.Millisecond, 1 << 30} })
	status, _, body := r.response(r.begin(100_000))
	if status != http.StatusRequestTimeout || !strings.Contains(body, "The request was sent too slowly") {
		t.Errorf("%d %s", status, body)
	}
	r.holds(uploadsFolder, 0)
	large, err := r.storage.newTemporary()
	programtest.Must(t, err)
	_, err = large.Write(make([]byte, 64<<20))
	programtest.Must(t, err)
	f := &file{ID: newID(filePrefix), Filename: "x"}
	programtest.Must(t, large.finish(f))
	programtest.Must(t, r.storage.add(f, large.file.Name()))
	connection, err := net.Dial("tcp", r.server.Listener.Addr().String())
	programtest.Must(t, err)
	defer func() { _ = connection.Close() }()
	_, err = fmt.Fprintf(connection, "GET /v1/files/%s/content HTTP/1.1\r\nHost: x\r\n\r\n", f.ID)
	programtest.Must(t, err)
	_, err = io.ReadFull(connection, make([]byte, 1)) // It is being answered.
	programtest.Must(t, err)
	programtest.Must(t, r.server.Config.Shutdown(t.Context())) // It does not wait for a client that reads nothing.
	if got, _ := io.Copy(io.Discard, connection); got >= 64<<20 {
		t.Errorf("%d bytes were sent", got)
	}
}

// What is not a form is an error of the client, whatever is wrong with it, and nothing is left.
func TestFormsThatCannotBeRead(t *testing.T) {
	r := newRig(t, 1<<20, func(*api) {})
	whole, kind := form("content")
	for name, body := range map[string]string{
		"a part without a header":    "--b\r\nno header\r\n\r\nx\r\n--b--\r\n",
		"a header without an end":    "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n",
		"a header of other bytes":    "--b\r\n\x00: \x01\r\n\r\nx\r\n--b--\r\n",
		"a header with an odd colon": "--b\r\n : x\r\n\r\nx\r\n--b--\r\n",
		"a form without an end":      strings.ReplaceAll(string(whole[:len(whole)-10]), kind[strings.Index(kind, "=")+1:], "b"),
		"no part":                    "x",
	} {
		response, err := http.Post(r.server.URL+"/v1/files", "multipart/form-data; boundary=b", strings.NewReader(body))
		programtest.Must(t, err)
		text, err := io.ReadAll(response.Body)
		programtest.Must(t, errors.Join(err, response.Body.Close()))
		if response.StatusCode != http.StatusBadRequest || !strings.HasPrefix(string(text), `{"error":{"message":"`) {
			t.Errorf("%s: %d %s", name, response.StatusCode, text)
		}
	}
	r.holds(uploadsFolder, 0)
	r.holds(filesFolder, 0)
}

// The error of a range that the file does not have is one of the API.
func TestRanges(t *testing.T) {
	r := newRig(t, 1<<20, func(*api) {})
	f := put(t, r.storage, "content")
	for wanted, want := range map[string]struct {
		status      int
		kind, body  string
		contentInfo string
	}{
		"bytes=2-4":  {206, "application/octet-stream", "nte", "bytes 2-4/7"},
		"bytes=9-10": {416, "application/json", `{"error":{"message":"Invalid header Range: the file does not have \"bytes=9-10\".","type":"invalid_request_error","param":null,"code":null}}` + "\n", "bytes */7"},
		"bytes=x":    {416, "application/json", `{"error":{"message":"Invalid header Range: the file does not have \"bytes=x\".","type":"invalid_request_error","param":null,"code":null}}` + "\n", ""},
	} {
		w := httptest.NewRecorder()
		request := httptest.NewRequest(http.MethodGet, "/v1/files/"+f.ID+"/content", nil)
		request.Header.Set("Range", wanted)
		r.routes().ServeHTTP(w, request)
		if w.Code != want.status || w.Header().Get("Content-Type") != want.kind || w.Body.String() != want.body || w.Header().Get("Content-Range") != want.contentInfo {
			t.Errorf("%s: %d %v %s", wanted, w.Code, w.Header(), w.Body)
		}
	}
}
