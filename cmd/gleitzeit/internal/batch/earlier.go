package batch

import (
	"fmt"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Earlier is what an earlier run leaves to do of a batch.
type Earlier struct {
	Run       string `json:"run,omitempty"`
	Resumed   bool   `json:"resumed,omitempty"` // It is open, or nobody has got its results: the batch is that run.
	TakenOver int    `json:"taken_over"`        // Number of results that are there.
	ToDo      int    `json:"to_do"`
	Unknown   string `json:"unknown,omitempty"` // Why that is not known.
}

func (e *Earlier) String() string {
	switch {
	case e.Unknown != "":
		return "what is taken over is not known: " + value.Visible(e.Unknown)
	case e.Resumed:
		return fmt.Sprintf("run %s is resumed: %s there, %d to do", e.Run, resultsAre(e.TakenOver), e.ToDo)
	}
	return fmt.Sprintf("run %s: %s taken over, %d to do", e.Run, resultsAre(e.TakenOver), e.ToDo)
}

func resultsAre(n int) string {
	if n == 1 {
		return "1 result is"
	}
	return fmt.Sprintf("%d results are", n)
}
