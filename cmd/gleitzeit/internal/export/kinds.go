package export

import (
	"strconv"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// kinds are the kinds of the values of a column.
type kinds uint8

const (
	hasBool  kinds = 1 << iota
	hasInt         // An integer of 64 bits.
	hasLong        // One of those that a float does not have with all its digits.
	hasFloat       // Any other number that a float has with all its digits.
	hasOther       // Text, lists, objects, and numbers that no type of a column has.
)

func (k *kinds) add(v value.Value) {
	switch v.Kind() {
	case value.KindNull:
	case value.KindBool:
		*k |= hasBool
	case value.KindNumber:
		*k |= kindOfNumber(v.Digits())
	default:
		*k |= hasOther
	}
}

func kindOfNumber(digits string) kinds {
	f, err := strconv.ParseFloat(digits, 64)
	exact := err == nil && value.CompareDigits(value.Float(f).Digits(), digits) == 0
	_, err = strconv.ParseInt(digits, 10, 64)
	switch {
	case err == nil && exact:
		return hasInt
	case err == nil:
		return hasInt | hasLong
	case exact:
		return hasFloat
	}
	return hasOther
}

// only reports whether a value of the column is of one of the kinds, and none of any other.
func (k kinds) only(of kinds) bool { return k != 0 && k&^of == 0 }

// textOf returns a value as a cell of text has it: a string as it is, null as an empty text, anything else as JSON.
func textOf(v value.Value) string {
	switch v.Kind() {
	case value.KindNull:
		return ""
	case value.KindString:
		return v.Text()
	}
	return string(v.JSON())
}
