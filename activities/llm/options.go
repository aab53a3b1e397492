package llm

import (
	"strconv"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// optionNames are the options of Ollama that parameters set by their names: the fields of api.Options and api.Runner,
// which a test compares. `stop` and `max_tokens` are read by themselves.
var optionNames = []string{
	"num_keep", "seed", "num_predict", "top_k", "top_p", "min_p", "typical_p", "repeat_last_n", "temperature",
	"repeat_penalty", "presence_penalty", "frequency_penalty",
	"num_ctx", "num_batch", "num_gpu", "main_gpu", "use_mmap", "num_thread",
}

// optionsOf gathers Ollama's options: what stands in `options`, and over it what parameters name. Numbers keep their
// digits. numCtx is 0 where nothing sets it.
func optionsOf(given value.Value) (options []value.Field, numCtx int64, err error) {
	gathered := value.Object()
	set := func(name string, v value.Value) { gathered = gathered.With(name, v) }
	free, _ := given.Get("options")
	for _, field := range free.Fields() {
		set(field.Name, field.Value)
	}
	for _, name := range optionNames {
		if v, is := given.Get(name); is {
			set(name, v)
		}
	}
	if most, is := given.Get("max_tokens"); is {
		if _, twice := given.Get("num_predict"); twice {
			return nil, 0, protocol.Errorf(protocol.InvalidParams, "max_tokens and num_predict mean the same and cannot both be given")
		}
		set("num_predict", most)
	}
	if stop, is := given.Get("stop"); is {
		if stop.Kind() == value.KindString {
			stop = value.List(stop)
		}
		set("stop", stop)
	}
	if context, is := gathered.Get("num_ctx"); is {
		// What is no number is refused by Ollama.
		numCtx, _ = strconv.ParseInt(context.Digits(), 10, 64)
	}
	return gathered.Fields(), numCtx, nil
}
