package webui

import (
	"io/fs"
	"log/slog"
	"net/http"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/temporalio/ui-server/v2/server/api"
	"github.com/temporalio/ui-server/v2/server/config"
	"github.com/temporalio/ui-server/v2/server/csrf"
	"github.com/temporalio/ui-server/v2/server/route"
	"github.com/temporalio/ui-server/v2/ui"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/grpc"
)

// payloadFolder is the path of payloads that are not in the history.
const payloadFolder = "/payloads"

// newPages serves Temporal's UI and its API. It combines the parts of ui-server instead of using its Server, which only dials
// one address, allows other origins, and ends the process if it cannot start.
func newPages(engine *grpc.ClientConn, stored converter.ExternalStorage, codecs []converter.PayloadCodec, log *slog.Logger) (http.Handler, error) {
	settings, err := provide(config.Config{})
	if err != nil {
		return nil, err
	}
	e := echo.New()
	e.Logger.SetOutput(slog.NewLogLogger(log.Handler(), slog.LevelWarn).Writer())
	e.Use(middleware.Recover())
	e.Use(middleware.Gzip())
	// Over plain HTTP, a browser does not send a secure cookie.
	const secure = false
	e.Use(csrf.EnsureTokenCookie(secure))
	e.Use(middleware.CSRFWithConfig(csrf.MiddlewareConfig(settings, secure)))

	under := e.Group("/api/v1")
	under.GET("/settings", showSettings(len(stored.Drivers) > 0))
	under.GET(api.WorkflowRawHistoryUrl, api.WorkflowRawHistoryHandler(workflowservice.NewWorkflowServiceClient(engine)))
	methods := []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	under.Match(methods, "/*", api.TemporalAPIHandler(settings, nil, engine))
	if len(stored.Drivers) > 0 {
		payloads, err := converter.NewPayloadHTTPHandler(converter.PayloadHTTPHandlerOptions{ExternalStorage: stored, PostStorageCodecs: codecs})
		if err != nil {
			return nil, err
		}
		// Its third path, encode, would let a browser write to the store.
		e.POST(payloadFolder+"/decode", echo.WrapHandler(payloads))
		e.POST(payloadFolder+"/download", echo.WrapHandler(payloads))
	}

	files, err := assets()
	if err != nil {
		return nil, err
	}
	if err := route.SetUIRoutes(e, "", files); err != nil {
		return nil, err
	}
	route.SetRenderRoute(e, "/")
	return e, nil
}

// showSettings returns the UI's settings, with the address of payloads: on the host that the browser uses for this server,
// because any other one is another origin.
func showSettings(payloads bool) echo.HandlerFunc {
	return func(c echo.Context) error {
		shown := config.Config{
			DefaultNamespace: namespace,
			DisableNewsFetch: true, // It would send a request to the internet.
		}
		if payloads {
			shown.Codec.Endpoint = "http://" + c.Request().Host + payloadFolder
		}
		settings, err := provide(shown)
		if err != nil {
			return err
		}
		return api.GetSettings(settings)(c)
	}
}

func provide(c config.Config) (*config.ConfigProviderWithRefresh, error) {
	return config.NewConfigProviderWithRefresh(&c)
}

func assets() (fs.FS, error) {
	all, err := ui.Assets()
	if err != nil {
		return nil, err
	}
	return fs.Sub(all, "local")
}
