package jsonschema

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// numbers returns the reason of an error about numbers: the library rounds them, and groups digits with commas.
func numbers(of jsonschema.ErrorKind) (reason string, is bool) {
	rats := func(got, want *big.Rat) (string, bool) {
		return fmt.Sprintf("%s: got %s, want %s", of.KeywordPath()[0], Decimal(got), Decimal(want)), true
	}
	counts := func(got, want int) (string, bool) {
		return fmt.Sprintf("%s: got %d, want %d", of.KeywordPath()[0], got, want), true
	}
	switch k := of.(type) {
	case *kind.Minimum:
		return rats(k.Got, k.Want)
	case *kind.Maximum:
		return rats(k.Got, k.Want)
	case *kind.ExclusiveMinimum:
		return rats(k.Got, k.Want)
	case *kind.ExclusiveMaximum:
		return rats(k.Got, k.Want)
	case *kind.MultipleOf:
		return rats(k.Got, k.Want)
	case *kind.MinLength:
		return counts(k.Got, k.Want)
	case *kind.MaxLength:
		return counts(k.Got, k.Want)
	case *kind.MinItems:
		return counts(k.Got, k.Want)
	case *kind.MaxItems:
		return counts(k.Got, k.Want)
	case *kind.MinProperties:
		return counts(k.Got, k.Want)
	case *kind.MaxProperties:
		return counts(k.Got, k.Want)
	}
	return "", false
}

const (
	// plainDigits is the length up to which a number is written without an exponent.
	plainDigits = 40
	// shownDigits is the number of digits that are shown of a longer one.
	shownDigits = 100
)

// Decimal returns a number of JSON with all its digits; of one with very many only the first ones.
func Decimal(number *big.Rat) string {
	places, exact := number.FloatPrec()
	if !exact { // Not a number of JSON, such as 1/3.
		float, _ := number.Float64()
		return strconv.FormatFloat(float, 'g', -1, 64)
	}
	text := number.FloatString(places)
	if len(text) <= plainDigits {
		return text
	}
	sign := ""
	if number.Sign() < 0 {
		sign, text = "-", text[1:]
	}
	digits := strings.TrimLeft(strings.Replace(text, ".", "", 1), "0")
	significant := strings.TrimRight(digits, "0")
	exponent := len(digits) - len(significant) - places
	if len(significant) > shownDigits {
		return sign + significant[:shownDigits] + "…"
	}
	if exponent == 0 {
		return sign + significant
	}
	return sign + significant + "e" + strconv.Itoa(exponent)
}
