package python

import (
	"context"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Library keeps registered functions where every worker finds them. Its errors are *protocol.Error.
type Library interface {
	// Keep keeps an object under the name, in place of what had it before.
	Keep(ctx context.Context, name string, function value.Value) error
	// Find returns what is kept under the name; false where nothing is.
	Find(ctx context.Context, name string) (value.Value, bool, error)
	// All returns all that is kept, by name.
	All(ctx context.Context) ([]value.Value, error)
}

// builtIn is a function that is there from the start.
type builtIn struct{ name, module, attribute string }

// builtInNames lists them by module. None of them reads a file, runs code or reaches the network: their names may come
// from anywhere.
var builtInNames = []struct {
	module, prefix string
	names          []string
}{
	{"builtins", "", []string{
		"abs", "all", "any", "bin", "bool", "chr", "dict", "divmod", "enumerate", "float", "hex", "int", "len", "list", "max", "min",
		"oct", "ord", "pow", "range", "repr", "reversed", "round", "set", "sorted", "str", "sum", "tuple", "zip",
	}},
	{"base64", "base64.", []string{"b64decode", "b64encode"}},
	{"html", "html.", []string{"escape", "unescape"}},
	{"json", "json.", []string{"dumps", "loads"}},
	{"math", "math.", []string{
		"acos", "asin", "atan", "atan2", "ceil", "comb", "copysign", "cos", "cosh", "degrees", "dist", "erf", "exp", "expm1", "fabs",
		"factorial", "floor", "fmod", "frexp", "fsum", "gamma", "gcd", "hypot", "isclose", "isfinite", "isnan", "isqrt", "log", "log10",
		"log1p", "log2", "modf", "perm", "pow", "prod", "radians", "sin", "sinh", "sqrt", "tan", "tanh", "trunc",
	}},
	{"re", "re.", []string{"escape", "findall", "split", "sub"}},
	{"statistics", "statistics.", []string{
		"fmean", "geometric_mean", "harmonic_mean", "mean", "median", "median_high", "median_low", "mode", "multimode", "pstdev",
		"pvariance", "quantiles", "stdev", "variance",
	}},
	{"textwrap", "textwrap.", []string{"dedent", "fill", "indent", "shorten", "wrap"}},
	{"unicodedata", "unicodedata.", []string{"normalize"}},
	{"urllib.parse", "urllib.parse.", []string{"quote", "quote_plus", "unquote", "unquote_plus", "urlencode", "urljoin"}},
}

func builtIns() []builtIn {
	var all []builtIn
	for _, of := range builtInNames {
		for _, name := range of.names {
			all = append(all, builtIn{of.prefix + name, of.module, name})
		}
	}
	return all
}

func builtInOf(name string) (builtIn, bool) {
	for _, candidate := range builtIns() {
		if candidate.name == name {
			return candidate, true
		}
	}
	return builtIn{}, false
}
