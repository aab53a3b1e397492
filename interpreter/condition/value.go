package condition

import (
	"math"
	"reflect"
	"slices"
	"strconv"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// fromValue makes what expressions reckon with. Whole numbers are exact up to 64 bits with their sign; beyond, and with a
// fraction or an exponent, they are floating-point numbers of 64 bits. Beyond those they are infinite.
func fromValue(v protocol.Value) any {
	switch v.Kind() {
	case protocol.Boolean:
		return v.Bool()
	case protocol.String:
		return v.Text()
	case protocol.Number:
		if whole, err := strconv.ParseInt(v.Digits(), 10, 64); err == nil {
			return int(whole)
		}
		float, _ := strconv.ParseFloat(v.Digits(), 64) // Out of range, it is infinite, or 0.
		return float
	case protocol.List:
		list := make([]any, len(v.Elements()))
		for i, element := range v.Elements() {
			list[i] = fromValue(element)
		}
		return list
	case protocol.Object:
		object := make(map[string]any, len(v.Fields()))
		for _, field := range v.Fields() {
			object[field.Name] = fromValue(field.Value)
		}
		return object
	}
	return nil
}

// toValue is the way back, for messages and texts; the fields of objects are in the order of their names.
func toValue(v any) protocol.Value {
	switch v := v.(type) {
	case nil:
		return protocol.Value{}
	case bool:
		return protocol.OfBool(v)
	case string:
		return protocol.OfString(v)
	case int:
		return protocol.OfInt(int64(v))
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return protocol.OfString(strconv.FormatFloat(v, 'g', -1, 64))
		}
		return protocol.OfFloat(v)
	}
	of := reflect.ValueOf(v)
	switch of.Kind() {
	case reflect.Slice:
		list := make([]protocol.Value, of.Len())
		for i := range list {
			list[i] = toValue(of.Index(i).Interface())
		}
		return protocol.OfList(list...)
	case reflect.Map:
		object, _ := v.(map[string]any)
		names := make([]string, 0, len(object))
		for name := range object {
			names = append(names, name)
		}
		slices.Sort(names)
		fields := make([]protocol.Field, len(names))
		for i, name := range names {
			fields[i] = protocol.Field{Name: name, Value: toValue(object[name])}
		}
		return protocol.OfObject(fields...)
	}
	return protocol.Value{}
}

func kindOf(v any) protocol.Kind {
	switch v.(type) {
	case nil:
		return protocol.Null
	case bool:
		return protocol.Boolean
	case string:
		return protocol.String
	case int, float64:
		return protocol.Number
	}
	if reflect.ValueOf(v).Kind() == reflect.Map {
		return protocol.Object
	}
	return protocol.List
}

// describe names a value in a message.
func describe(v any) string {
	switch kind := kindOf(v); kind {
	case protocol.List:
		return "a list"
	case protocol.Object:
		return "an object"
	case protocol.String:
		return "the text " + strconv.Quote(shown(v.(string)))
	case protocol.Number:
		return "the number " + string(toValue(v).JSON())
	case protocol.Null:
		return "null"
	default:
		return string(toValue(v).JSON())
	}
}
