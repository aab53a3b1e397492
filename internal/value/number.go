package value

import (
	"cmp"
	"errors"
	"math"
	"strconv"
	"strings"
)

// CompareDigits compares two numbers by their JSON texts, exactly: 1 equals 1.0 equals 1e0, and 2^64+1 is more than 2^64. It
// returns -1, 0 or 1, in time and memory proportional to the texts. It clips exponents beyond 60 bits.
func CompareDigits(a, b string) int {
	left, right := decimalOf(a), decimalOf(b)
	if left.sign != right.sign {
		return cmp.Compare(left.sign, right.sign)
	}
	size := cmp.Or(cmp.Compare(left.magnitude, right.magnitude), strings.Compare(left.digits, right.digits))
	return left.sign * size
}

// decimal is sign × 0.digits × 10^magnitude. The digits neither begin nor end with 0; zero has none.
type decimal struct {
	sign      int // -1, 0 or 1.
	digits    string
	magnitude int64
}

func decimalOf(text string) decimal {
	unsigned, isNegative := strings.CutPrefix(text, "-")
	mantissa, exponent := unsigned, ""
	if at := strings.IndexAny(unsigned, "eE"); at >= 0 {
		mantissa, exponent = unsigned[:at], unsigned[at+1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	magnitude := int64(len(whole) - (len(whole) + len(fraction) - len(digits)))
	if digits = strings.TrimRight(digits, "0"); digits == "" {
		return decimal{}
	}
	d := decimal{sign: 1, digits: digits, magnitude: magnitude + bounded(exponent)}
	if isNegative {
		d.sign = -1
	}
	return d
}

// bounded parses an exponent and clips it, so that a length can be added to it.
func bounded(exponent string) int64 {
	const most = math.MaxInt64 >> 3
	read, err := strconv.ParseInt(exponent, 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0 // There is no exponent.
	}
	return min(max(read, -most), most)
}
