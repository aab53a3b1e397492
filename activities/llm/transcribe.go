package llm

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/gleitzeit/gleitzeit/activities/llm/pool"
	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// maxRecording is the maximum size of a recording in bytes. Servers have limits of their own: that of vLLM is 25 MB by default.
const maxRecording = 256 << 20

// transcription makes text of the recording of a call of llm/transcribe.
type transcription struct{ *exchange }

// run gets the text.
func (x *transcription) run(ctx context.Context) error {
	a := &provider.Answer{}
	err := x.call.send(ctx, func(ctx context.Context, m *pool.Member, _ *watchdog) (bool, int64, error) {
		x.prepare()
		x.member, a = m, &provider.Answer{}
		server, can := m.Client.(provider.Transcriber)
		if !can {
			problem := notTranscribing(&x.call.backend.Provider)
			return false, 0, protocol.Errorf(protocol.InvalidParams, "%s", problem.Message).WithHint("%s", problem.Hint)
		}
		x.logSent(m)
		err := server.Transcribe(ctx, &x.request, a)
		return false, x.request.TokensOf(a), err
	})
	x.addCounts(a)
	return err
}

// recording reads the recording of llm/transcribe.
func (q *question) recording(request protocol.Request) error {
	path := text(request.Parameters, "file_path")
	data, err := request.Files.Read(path, maxRecording)
	if err != nil {
		return err
	}
	if len(data) == 0 {
		return protocol.Errorf(protocol.InvalidParams, "file %q is empty", path)
	}
	// The name of the file is nobody's business but its extension, by which servers tell formats.
	q.Recording = &provider.Recording{Name: "recording" + strings.ToLower(filepath.Ext(path)), Data: data}
	for _, name := range []string{"language", "prompt"} {
		if given, is := request.Parameters.Get(name); is && given.Text() != "" {
			q.Recording.Fields = append(q.Recording.Fields, value.Field{Name: name, Value: given})
		}
	}
	return nil
}
