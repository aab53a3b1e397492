package batch

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// splitting is how long documents are read, as it was typed.
type splitting struct{ split, combine string }

func (s *splitting) register(flags *pflag.FlagSet) {
	flags.StringVar(&s.split, "split", "", "read each document in chunks of so many tokens: 2000, or size=2000,overlap=100,by=page; auto splits only what does not fit into the context")
	flags.StringVar(&s.combine, "combine", "", "`prompt` that makes one answer of those about the chunks, true for one that fits most tasks, or a mapping such as '{method: python/execute, file: merge.py}' (default the answers in order)")
}

// autoSplit stands for a split whose size is that of the context.
const autoSplit = "auto"

// howToSplit is the hint of an error of --split.
const howToSplit = "write --split 2000, --split size=2000,overlap=100,by=heading, or --split auto"

// apply adds the flags to a batch whose parameters are set to some texts.
func (s *splitting) apply(flags *pflag.FlagSet, set []string, b *interpreter.Batch, found *problems) {
	isSplit := flags.Changed("split")
	if isSplit {
		split, err := readSplit(s.split)
		if err != nil {
			found.add(howToSplit, "--split: %s", err)
		}
		b.Split = &split
	}
	switch {
	case !flags.Changed("combine"):
	case strings.TrimSpace(s.combine) == "":
		found.add("write --combine true for a prompt that fits most tasks", "--combine: the prompt is empty")
	case !isSplit && !slices.ContainsFunc(set, func(text string) bool { return strings.HasPrefix(text, "on_truncation=") }):
		found.add(howToSplit, "--combine has no effect without --split")
	case s.combine == "true":
		b.Combine = value.Bool(true)
	default:
		combine, err := readCombine(s.combine)
		if err != nil {
			found.add(howToCombine, "--combine: %s", err)
		}
		b.Combine = combine
	}
}

// howToCombine is the hint of an error of --combine.
const howToCombine = "write a prompt, or a mapping as in YAML: --combine '{method: python/execute, file: merge.py}'"

// readCombine reads a mapping as `combine` of YAML is read; anything else is the prompt. Prompts have colons, too: in a mapping that is
// not in braces, a key says that it is one.
func readCombine(text string) (value.Value, error) {
	inBraces := strings.HasPrefix(strings.TrimSpace(text), "{")
	read, is := definition.ParseValue(text)
	if is && read.Kind() == value.KindObject {
		_, calls := read.Get("method")
		_, asks := read.Get("prompt")
		if inBraces || calls || asks {
			return read, nil
		}
	}
	if inBraces {
		return value.Value{}, errors.New("it begins with a brace and is not a mapping")
	}
	return value.String(text), nil
}

// readSplit reads the short form of `split`: parts such as size=2000, separated by commas. A number alone is the size.
func readSplit(text string) (value.Value, error) {
	split := value.Object()
	if text == autoSplit {
		return split, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		name, written, named := strings.Cut(strings.TrimSpace(part), "=")
		if !named {
			name, written = "size", name
		}
		one, err := readSplitPart(name, written)
		if err != nil {
			return value.Object(), err
		}
		if _, twice := split.Get(name); twice {
			return value.Object(), fmt.Errorf("%s is given twice", name)
		}
		split = split.With(name, one)
	}
	return split, nil
}

func readSplitPart(name, written string) (value.Value, error) {
	switch name {
	case "by":
		if all := definition.SplitBys(); !slices.Contains(all, written) {
			return value.Value{}, fmt.Errorf("by must be one of %s, not %q", strings.Join(all, ", "), written)
		}
		return value.String(written), nil
	case "size", "overlap":
		least := int64(1)
		if name == "overlap" {
			least = 0
		}
		tokens, err := strconv.ParseInt(written, 10, 32)
		if err != nil || tokens < least {
			return value.Value{}, fmt.Errorf("%s must be a number of tokens, not %q", name, written)
		}
		return value.Int(tokens), nil
	}
	return value.Value{}, fmt.Errorf("unknown key %q; the keys are size, overlap and by", name)
}
