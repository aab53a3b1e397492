package mcp

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

func add() builtin { return arithmetic("add", "Add two numbers exactly", "+", decimal.plus) }

func multiply() builtin {
	return arithmetic("multiply", "Multiply two numbers exactly", "*", decimal.times)
}

func arithmetic(name, summary, sign string, operate func(a, b decimal) decimal) builtin {
	return builtin{
		name:    name,
		summary: summary,
		parameters: `{
  "type": "object",
  "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
  "required": ["a", "b"],
  "additionalProperties": false
}`,
		result: `{
  "type": "object",
  "properties": {
    "response": {"type": "string", "description": "The result as text"},
    "result": {"type": "number"},
    "calculation": {"type": "string", "description": "For example \"100 + 23 = 123\""},
    "content": {"type": "array"},
    "is_error": {"const": false}
  },
  "required": ["response", "result", "calculation"]
}`,
		answer: func(arguments value.Value) (string, error) {
			a, b, err := operands(arguments)
			if err != nil {
				return "", err
			}
			return operate(a, b).String(), nil
		},
		fields: func(arguments value.Value, text string) ([]value.Field, error) {
			a, b, err := operands(arguments)
			if err != nil {
				return nil, err
			}
			number, ok := value.Digits(text)
			if !ok {
				return nil, fmt.Errorf("%.60q is not a number", text)
			}
			return []value.Field{
				{Name: "result", Value: number},
				{Name: "calculation", Value: value.String(fmt.Sprintf("%s %s %s = %s", a, sign, b, text))},
			}, nil
		},
	}
}

func operands(arguments value.Value) (a, b decimal, err error) {
	if a, err = parseDecimal(argument(arguments, "a").Digits()); err != nil {
		return a, b, fmt.Errorf("a: %w", err)
	}
	if b, err = parseDecimal(argument(arguments, "b").Digits()); err != nil {
		return a, b, fmt.Errorf("b: %w", err)
	}
	return a, b, nil
}

// Limits of the operands. Without them a short text could stand for a number that fills the memory.
const (
	maxDigits   = 10_000
	maxExponent = 1_000
)

// maxZeros is the number of zeros after the decimal point beyond which a number is written with an exponent.
const maxZeros = 5

// decimal is exactly the number coefficient × 10^exponent.
type decimal struct {
	coefficient *big.Int
	exponent    int
}

// parseDecimal parses a JSON number.
func parseDecimal(digits string) (decimal, error) {
	mantissa, power, scientific := strings.Cut(strings.ToLower(digits), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if len(whole)+len(fraction) > maxDigits {
		return decimal{}, fmt.Errorf("the number %.20s… has more than %d digits", digits, maxDigits)
	}
	coefficient, ok := new(big.Int).SetString(whole+fraction, 10)
	if !ok {
		return decimal{}, fmt.Errorf("%.60q is not a number", digits)
	}
	if coefficient.Sign() == 0 {
		return decimal{coefficient: coefficient}, nil
	}
	exponent := 0
	if scientific {
		var err error
		if exponent, err = strconv.Atoi(power); err != nil || exponent > maxExponent || exponent < -maxExponent {
			return decimal{}, fmt.Errorf("the number %.60s has an exponent beyond ±%d", digits, maxExponent)
		}
	}
	return decimal{coefficient, exponent - len(fraction)}, nil
}

func (d decimal) plus(other decimal) decimal {
	exponent := min(d.exponent, other.exponent)
	return decimal{new(big.Int).Add(d.scaled(exponent), other.scaled(exponent)), exponent}
}

func (d decimal) times(other decimal) decimal {
	return decimal{new(big.Int).Mul(d.coefficient, other.coefficient), d.exponent + other.exponent}
}

// scaled returns the coefficient for an exponent that is not greater than that of d.
func (d decimal) scaled(exponent int) *big.Int {
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(d.exponent-exponent)), nil)
	return power.Mul(power, d.coefficient)
}

// String returns the number as in JSON, without redundant zeros: integers in full, small fractions as 1e-7.
func (d decimal) String() string {
	if d.exponent >= 0 {
		return d.scaled(0).String()
	}
	sign, digits := "", new(big.Int).Abs(d.coefficient).String()
	if d.coefficient.Sign() < 0 {
		sign = "-"
	}
	point := len(digits) + d.exponent // Number of digits before the point; if negative, number of zeros after it.
	digits = strings.TrimRight(digits, "0")
	switch {
	case digits == "":
		return "0"
	case point >= len(digits):
		return sign + digits + strings.Repeat("0", point-len(digits))
	case point > 0:
		return sign + digits[:point] + "." + digits[point:]
	case point >= -maxZeros:
		return sign + "0." + strings.Repeat("0", -point) + digits
	}
	mantissa := digits[:1]
	if len(digits) > 1 {
		mantissa += "." + digits[1:]
	}
	return sign + mantissa + "e" + strconv.Itoa(point-1)
}
