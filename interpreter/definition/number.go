package definition

import (
	"math/big"
	"strconv"
	"strings"
)

// number reads a plain scalar as YAML 1.2's core schema does and returns it as JSON, digit by digit: 0x1F and 0o17 become
// decimal, `.5` and `1.` get their zero, `+` goes. What begins with a zero that JSON does not allow (02139) is no
// number but text, so that nothing is lost.
func number(text string) (digits string, isNumber bool) {
	if base := baseOf(text); base != 0 {
		if len(text) > MaxDigits {
			return text, true
		}
		value, isInteger := new(big.Int).SetString(text[2:], base)
		if !isInteger {
			return "", false
		}
		return value.String(), true
	}
	unsigned := strings.TrimPrefix(text, "+")
	sign := ""
	if unsigned == text && strings.HasPrefix(text, "-") {
		sign, unsigned = "-", text[1:]
	}
	whole, rest := digitsOf(unsigned)
	fraction, hasPoint := "", strings.HasPrefix(rest, ".")
	if hasPoint {
		fraction, rest = digitsOf(rest[1:])
	}
	if whole == "" && fraction == "" || len(whole) > 1 && whole[0] == '0' {
		return "", false
	}
	if rest != "" && !isExponent(rest) {
		return "", false
	}
	if whole == "" {
		whole = "0"
	}
	if hasPoint && fraction == "" {
		fraction = "0"
	}
	digits = sign + whole
	if hasPoint {
		digits += "." + fraction
	}
	return digits + rest, true
}

// baseOf returns 16 or 8 for `0x…` and `0o…` with digits only, else 0.
func baseOf(text string) int {
	if len(text) < 3 || text[0] != '0' {
		return 0
	}
	base, digits := 0, ""
	switch text[1] {
	case 'x':
		base, digits = 16, "0123456789abcdefABCDEF"
	case 'o':
		base, digits = 8, "01234567"
	default:
		return 0
	}
	if strings.Trim(text[2:], digits) != "" {
		return 0
	}
	return base
}

// digitsOf splits text after its leading digits.
func digitsOf(text string) (digits, rest string) {
	end := 0
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	return text[:end], text[end:]
}

func isExponent(text string) bool {
	if text[0] != 'e' && text[0] != 'E' {
		return false
	}
	text = text[1:]
	if text != "" && (text[0] == '+' || text[0] == '-') {
		text = text[1:]
	}
	digits, rest := digitsOf(text)
	return digits != "" && rest == ""
}

// tooLarge reports whether a number is so long, or so far from 1, that working with it would cost too much.
func tooLarge(digits string) bool {
	if len(digits) > MaxDigits {
		return true
	}
	at := strings.IndexAny(digits, "eE")
	if at < 0 || strings.HasPrefix(digits, "0x") {
		return false
	}
	exponent, err := strconv.Atoi(digits[at+1:])
	return err != nil || exponent > MaxExponent || exponent < -MaxExponent
}

// notFinite reports whether YAML would read infinity, or what is not a number.
func notFinite(text string) bool {
	switch text {
	case ".nan", ".NaN", ".NAN":
		return true
	}
	if text != "" && (text[0] == '+' || text[0] == '-') {
		text = text[1:]
	}
	switch text {
	case ".inf", ".Inf", ".INF":
		return true
	}
	return false
}
