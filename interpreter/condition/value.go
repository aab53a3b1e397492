package condition

import (
	"math"
	"reflect"
	"slices"
	"strconv"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// fromValue makes what expressions reckon with. Whole numbers are exact up to 64 bits with their sign; with a fraction or an
// exponent they are floating-point numbers of 64 bits. What is beyond either keeps its digits.
func fromValue(v value.Value) any {
	switch v.Kind() {
	case value.KindBool:
		return v.Bool()
	case value.KindString:
		return v.Text()
	case value.KindNumber:
		return fromDigits(v.Digits())
	case value.KindList:
		list := make([]any, len(v.Elements()))
		for i, element := range v.Elements() {
			list[i] = fromValue(element)
		}
		return list
	case value.KindObject:
		object := make(map[string]any, len(v.Fields()))
		for _, field := range v.Fields() {
			object[field.Name] = fromValue(field.Value)
		}
		return object
	}
	return nil
}

// toValue is the way back, for messages and texts; the fields of objects are in the order of their names.
func toValue(v any) value.Value {
	switch v := v.(type) {
	case nil:
		return value.Value{}
	case bool:
		return value.Bool(v)
	case string:
		return value.String(v)
	case int:
		return value.Int(int64(v))
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return value.String(strconv.FormatFloat(v, 'g', -1, 64))
		}
		return value.Float(v)
	case large:
		digits, _ := value.Digits(v.digits)
		return digits
	}
	of := reflect.ValueOf(v)
	switch of.Kind() {
	case reflect.Slice:
		list := make([]value.Value, of.Len())
		for i := range list {
			list[i] = toValue(of.Index(i).Interface())
		}
		return value.List(list...)
	case reflect.Map:
		object, _ := v.(map[string]any)
		names := make([]string, 0, len(object))
		for name := range object {
			names = append(names, name)
		}
		slices.Sort(names)
		fields := make([]value.Field, len(names))
		for i, name := range names {
			fields[i] = value.Field{Name: name, Value: toValue(object[name])}
		}
		return value.Object(fields...)
	}
	return value.Value{}
}

func kindOf(v any) value.Kind {
	switch v.(type) {
	case nil:
		return value.KindNull
	case bool:
		return value.KindBool
	case string:
		return value.KindString
	case int, float64, large:
		return value.KindNumber
	}
	if reflect.ValueOf(v).Kind() == reflect.Map {
		return value.KindObject
	}
	return value.KindList
}

// describe names a value in a message.
func describe(v any) string {
	switch kind := kindOf(v); kind {
	case value.KindList:
		return "a list"
	case value.KindObject:
		return "an object"
	case value.KindString:
		return "the text " + strconv.Quote(shown(v.(string)))
	case value.KindNumber:
		return "the number " + string(toValue(v).JSON())
	case value.KindNull:
		return "null"
	default:
		return string(toValue(v).JSON())
	}
}

// kindWord names what a value is, and not which one.
func kindWord(v any) string {
	switch kindOf(v) {
	case value.KindNull:
		return "null"
	case value.KindBool:
		return "true or false"
	case value.KindNumber:
		return "a number"
	case value.KindString:
		return "a text"
	case value.KindList:
		return "a list"
	}
	return "an object"
}
