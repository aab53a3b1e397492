package value

import (
	"cmp"
	"errors"
	"math"
	"strconv"
	"strings"
)

// CompareDigits orders two numbers by what their JSON texts say, exactly: 1 is 1.0 is 1e0, and 2^64+1 is more than 2^64. It
// returns -1, 0 or 1, in time and memory that grow with the texts alone. Exponents beyond 60 bits count as one.
func CompareDigits(a, b string) int {
	left, right := decimalOf(a), decimalOf(b)
	if left.sign != right.sign {
		return cmp.Compare(left.sign, right.sign)
	}
	size := cmp.Or(cmp.Compare(left.magnitude, right.magnitude), strings.Compare(left.digits, right.digits))
	return left.sign * size
}

// decimal is sign × 0.digits × 10^magnitude; the digits neither begin nor end with 0, and of zero there are none.
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

// bounded reads an exponent, so that a length may be added to it.
func bounded(exponent string) int64 {
	const most = math.MaxInt64 >> 3
	read, err := strconv.ParseInt(exponent, 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0 // There is none.
	}
	return min(max(read, -most), most)
}
