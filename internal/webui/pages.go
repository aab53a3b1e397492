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

// payloadFolder is where the UI gets payloads that are not in the history.
const payloadFolder = "/payloads"

// newPages serves Temporal's UI and the API that it uses. It is put together from the parts of ui-server instead of
// being its Server, which dials one address for ever, allows other origins and ends the process where it cannot start.
func newPages(engine *grpc.ClientConn, stored converter.ExternalStorage, log *slog.Logger) (http.Handler, error) {
	settings, err := provide(config.Config{})
	if err != nil {
		return nil, err
	}
	e := echo.New()
	e.Logger.SetOutput(slog.NewLogLogger(log.Handler(), slog.LevelWarn).Writer())
	e.Use(middleware.Recover())
	e.Use(middleware.Gzip())
	// Over plain HTTP, a browser would not send a cookie that is marked as secure.
	const secure = false
	e.Use(csrf.EnsureTokenCookie(secure))
	e.Use(middleware.CSRFWithConfig(csrf.MiddlewareConfig(settings, secure)))

	under := e.Group("/api/v1")
	under.GET("/settings", showSettings(len(stored.Drivers) > 0))
	under.GET(api.WorkflowRawHistoryUrl, api.WorkflowRawHistoryHandler(workflowservice.NewWorkflowServiceClient(engine)))
	methods := []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	under.Match(methods, "/*", api.TemporalAPIHandler(settings, nil, engine))
	if len(stored.Drivers) > 0 {
		payloads, err := converter.NewPayloadHTTPHandler(converter.PayloadHTTPHandlerOptions{ExternalStorage: stored})
		if err != nil {
			return nil, err
		}
		// Its third path, encode, would let a browser write into the store.
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

// showSettings tells the UI where payloads are to be had: from the host that the browser calls this server by, because
// for a browser any other one is foreign.
func showSettings(payloads bool) echo.HandlerFunc {
	return func(c echo.Context) error {
		shown := config.Config{
			DefaultNamespace: namespace,
			DisableNewsFetch: true, // It would tell somebody on the internet that this engine runs.
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
