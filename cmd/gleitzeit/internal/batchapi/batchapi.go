// Package batchapi serves OpenAI's Batch API, on loopback unless the settings say more: files of requests, and batches, each of which is a run. It keeps files and
// batches in a folder of the home, executes runs through its interface Runs, and answers clients in the forms of that API. It knows no
// Temporal and no model server.
package batchapi

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/gate"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Options are the options of a server.
type Options struct {
	Home        *home.Home
	Access      Access
	Runs        Runs
	Specs       []protocol.Spec    // The protocols that plans are compiled for.
	MaxBytes    int64              // Of a file.
	MaxRequests int                // Of a batch.
	ModelNames  []protocol.Setting // Of models on the servers, by those in requests.
	Retention   time.Duration      // How long files, and batches that have ended, are kept; 0: until they are deleted.
	Log         *slog.Logger
	Tell        func(text string) // Tells people about a port that is taken.
}

// Limits for clients. The time to send a file, and to receive one, depends on its size: see paced.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10
	// stopGrace is how long requests in flight may still take when the server stops, before they are answered with an error.
	stopGrace = time.Second
)

// errStopping is why requests end when the server stops.
var errStopping = errors.New("the server stops")

// Server is a server of the API.
type Server struct {
	url     string
	serving *gate.Serving
	batches *batches
	refuse  context.CancelCauseFunc // Ends requests in flight.
	end     context.CancelFunc      // Ends everything.
}

// Start serves the API, and continues the batches that an earlier server has left. The caller stops it. No other server of the home may
// run. An error is a *protocol.Error.
func Start(ctx context.Context, o Options) (*Server, error) {
	if err := o.Access.check(); err != nil {
		return nil, err
	}
	token, err := gate.LoadToken(o.Home.APIToken())
	if err != nil {
		return nil, failed("cannot store its token %q: %v", o.Home.APIToken(), err)
	}
	kept, err := openStorage(o.Home.BatchAPI(), o.Log)
	if err != nil {
		return nil, failed("%v", err)
	}
	listener, hosts, url, err := o.Access.listen(ctx, o.Tell)
	if err != nil {
		return nil, err
	}
	living, end := context.WithCancel(context.WithoutCancel(ctx))
	requests, refuseRequests := context.WithCancelCause(living)
	s := &Server{url: url + "/v1", batches: newBatches(living, o, kept), refuse: refuseRequests, end: end}
	api := newAPI(o, kept, s.batches)
	tokens := append([]gate.Token{{Secret: token}}, o.Access.Tokens...) // That of the home has no name: it may do everything.
	server := &http.Server{
		Handler:           gate.BearerOr("gleitzeit batch api", tokens, hosts, refuseAccess, api.routes()),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn),
		BaseContext:       func(net.Listener) context.Context { return requests },
	}
	if err := s.batches.resume(); err != nil {
		end()
		return nil, errors.Join(failed("%v", err), listener.Close())
	}
	s.serving = gate.Serve(server, listener, "the Batch API", o.Log)
	return s, nil
}

func failed(format string, args ...any) *protocol.Error {
	return protocol.Errorf(protocol.ConfigurationError, "cannot serve the Batch API: "+format, args...).
		WithHint("try again, or run without it: remove --batch-api, and server.batch_api of the settings")
}

// URL returns the base URL for clients.
func (s *Server) URL() string { return s.url }

// Stop waits for requests in flight, then has them answered with an error, as long as ctx lasts, and leaves open batches to the next server.
func (s *Server) Stop(ctx context.Context) error {
	timer := time.AfterFunc(stopGrace, func() { s.refuse(errStopping) })
	defer timer.Stop()
	err := s.serving.Stop(ctx)
	s.end()
	s.batches.wait()
	return err
}

// api answers requests.
type api struct {
	options Options
	storage *storage
	batches *batches
	uploads chan struct{} // Holds something for each file that is received.
	calls   chan struct{} // Holds something for each call that waits, or is in flight.
	memory  *memory       // For the requests of calls.
	wait    time.Duration // How long a client waits for others that upload, before it is sent away.
	pace    pace
}

func newAPI(o Options, kept *storage, b *batches) *api {
	return &api{options: o, storage: kept, batches: b, uploads: make(chan struct{}, maxUploads), calls: make(chan struct{}, maxCalls), memory: newMemory(maxInMemory), wait: uploadWait, pace: usualPace}
}

// requestHeader has the id of a request.
const requestHeader = "X-Request-Id"

// routes are all of the API. The guard is around them.
func (a *api) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, handle := range map[string]func(http.ResponseWriter, *http.Request) error{
		"POST /v1/files":               a.upload,
		"GET /v1/files":                a.listFiles,
		"GET /v1/files/{id}":           a.getFile,
		"DELETE /v1/files/{id}":        a.deleteFile,
		"GET /v1/files/{id}/content":   a.content,
		"POST /v1/batches":             a.createBatch,
		"GET /v1/batches":              a.listBatches,
		"GET /v1/batches/{id}":         a.getBatch,
		"POST /v1/batches/{id}/cancel": a.cancelBatch,
		"POST /v1/chat/completions":    a.call("/v1/chat/completions"),
		"POST /v1/completions":         a.call("/v1/completions"),
		"POST /v1/embeddings":          a.call("/v1/embeddings"),
		"POST /v1/responses":           a.call("/v1/responses"),
		"/v1/chat/completions":         wrongMethod,
		"/v1/completions":              wrongMethod,
		"/v1/embeddings":               wrongMethod,
		"/v1/responses":                wrongMethod,
		"GET /v1/models":               a.listModels,
		"GET /v1/models/{model...}":    a.getModel,
		"/":                            unknown,
		"/v1/files":                    wrongMethod,
		"/v1/files/{id}":               wrongMethod,
		"/v1/files/{id}/content":       wrongMethod,
		"/v1/batches":                  wrongMethod,
		"/v1/batches/{id}":             wrongMethod,
		"/v1/batches/{id}/cancel":      wrongMethod,
		"/v1/models":                   wrongMethod,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set(requestHeader, newID("req_")) // Clients log it. A call that a server answers has the id of the server.
			if err := handle(w, r); err != nil {
				if errors.Is(context.Cause(r.Context()), errStopping) {
					err = &failure{status: http.StatusServiceUnavailable, retryAfter: 1, closing: true, body: failureBody{Message: "The server is being stopped. Try again later.", Type: serverError}}
				}
				refuse(w, r, a.options.Log, err)
			}
		})
	}
	return paced(a.pace, mux)
}

func unknown(_ http.ResponseWriter, r *http.Request) error {
	return refusal(http.StatusNotFound, "", "unknown_url", "Unknown request URL: %s %s", r.Method, value.Visible(r.URL.Path))
}

func wrongMethod(_ http.ResponseWriter, r *http.Request) error {
	return refusal(http.StatusMethodNotAllowed, "", "method_not_supported", "Not allowed to %s on %s", value.Visible(r.Method), value.Visible(r.URL.Path))
}
