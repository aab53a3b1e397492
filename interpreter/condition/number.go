package condition

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// large is a number beyond what Go's have: a whole one of more than 64 bits, or one beyond the largest floating-point
// number. It is compared by its digits, and reckoned with as a floating-point number.
type large struct {
	digits string `expr:"-"` // No field that an expression could ask for.
}

// fromDigits reads the JSON text of a number.
func fromDigits(digits string) any {
	if whole, err := strconv.ParseInt(digits, 10, 64); err == nil {
		return int(whole)
	} else if errors.Is(err, strconv.ErrRange) {
		return large{digits}
	}
	float, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return large{digits}
	}
	return float
}

// float is a number as a floating-point number; false where it is not a number.
func float(v any) (float64, bool) {
	switch n := v.(type) {
	case int:
		return float64(n), true
	case float64:
		return n, true
	case large:
		f, _ := strconv.ParseFloat(n.digits, 64) // Out of range, it is infinite.
		return f, true
	}
	return 0, false
}

func digitsOf(v any) string {
	switch n := v.(type) {
	case int:
		return strconv.Itoa(n)
	case large:
		return n.digits
	}
	return "0"
}

// compareNumbers reports false where one is not a number. Where one of them is a floating-point number they are compared as
// such, and else by their digits.
func compareNumbers(a, b any) (order int, known bool) {
	left, isNumber := float(a)
	right, also := float(b)
	if !isNumber || !also {
		return 0, false
	}
	_, isFloat := a.(float64)
	_, isFloatToo := b.(float64)
	if isFloat || isFloatToo {
		return cmp.Compare(left, right), true
	}
	one, isInt := a.(int)
	other, isIntToo := b.(int)
	if isInt && isIntToo {
		return cmp.Compare(one, other), true
	}
	return value.CompareDigits(digitsOf(a), digitsOf(b)), true
}

func unworkable(operator string, a, b any) error {
	return fmt.Errorf("cannot compute %s %s %s", kindWord(a), operator, kindWord(b))
}

var errDivision = errors.New("it divides by 0")

// reckon works out one of + - * / % **. Whole numbers stay whole and exact where 64 bits have room for the outcome.
func reckon(operator string, a, b any) (any, error) {
	one, isInt := a.(int)
	other, also := b.(int)
	left, isNumber := float(a)
	right, isNumberToo := float(b)
	switch {
	case !isNumber || !isNumberToo:
		return nil, unworkable(operator, a, b)
	case operator == "%" && !(isInt && also):
		return nil, errors.New("% requires whole numbers of at most 64 bits")
	case (operator == "/" || operator == "%") && right == 0, operator == "**" && left == 0 && right < 0:
		return nil, errDivision
	case operator == "%":
		return one % other, nil
	case isInt && also:
		if whole, fits := exactly(operator, one, other); fits {
			return whole, nil
		}
	}
	if outcome := floating(operator, left, right); !math.IsNaN(outcome) {
		return outcome, nil
	}
	return nil, errors.New("the result is not a number")
}

func floating(operator string, a, b float64) float64 {
	switch operator {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	case "/":
		return a / b
	}
	return math.Pow(a, b)
}

// exactly reports false where the outcome has more than 64 bits, or may have a fraction.
func exactly(operator string, a, b int) (int, bool) {
	switch operator {
	case "+":
		sum := a + b
		return sum, (sum > a) == (b > 0)
	case "-":
		difference := a - b
		return difference, (difference < a) == (b > 0)
	case "*":
		if a == 0 || b == 0 {
			return 0, true
		}
		product := a * b
		return product, (product < 0) == ((a < 0) != (b < 0)) && product/b == a && (a != math.MinInt || b != -1)
	}
	return 0, false
}

// negate is the unary minus.
func negate(v any) (any, error) {
	switch n := v.(type) {
	case float64:
		return -n, nil
	case large:
		if n.digits[0] == '-' {
			return fromDigits(n.digits[1:]), nil
		}
		return fromDigits("-" + n.digits), nil
	case int:
		return reckon("-", 0, n)
	}
	return nil, fmt.Errorf("- requires a number, not %s", describe(v))
}

// rounded applies what makes whole numbers; whole ones are so already.
func rounded(name string, round func(float64) float64) func(any) (any, error) {
	return func(v any) (any, error) {
		switch n := v.(type) {
		case int, large:
			return n, nil
		case float64:
			return round(n), nil
		}
		return nil, takesNumbers(name, v)
	}
}

func takesNumbers(name string, v any) error {
	return fmt.Errorf("%s(…) requires a number, not %s", name, describe(v))
}

func absolute(v any) (any, error) {
	switch order, isNumber := compareNumbers(v, 0); {
	case !isNumber:
		return nil, takesNumbers("abs", v)
	case order < 0:
		return negate(v)
	}
	return v, nil
}

func sum(v any) (any, error) {
	if _, err := list(v); err != nil {
		return nil, err
	}
	var total any = 0
	for _, element := range elements(v) {
		if _, isNumber := float(element); !isNumber {
			return nil, takesNumbers("sum", element)
		}
		var err error
		if total, err = reckon("+", total, element); err != nil {
			return nil, err
		}
	}
	return total, nil
}

// extreme returns the least number, or with sign -1 the greatest, of numbers and of lists of them; null of none.
func extreme(name string, sign int, all []any) (any, error) {
	var found any
	for _, v := range all {
		if kindOf(v) == value.KindList {
			var err error
			if v, err = extreme(name, sign, elements(v)); err != nil {
				return nil, err
			}
			if v == nil {
				continue
			}
		}
		order, isNumber := compareNumbers(v, cmp.Or(found, v))
		if !isNumber {
			return nil, takesNumbers(name, v)
		}
		if found == nil || order*sign < 0 {
			found = v
		}
	}
	return found, nil
}
