package openai

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// vectorsOf reads the vectors of a response in the order of the texts: each element has the index of its text, or stands in its
// place.
func vectorsOf(reply value.Value) ([]value.Value, error) {
	data, _ := reply.Get("data")
	vectors, seen := make([]value.Value, len(data.Elements())), make([]bool, len(data.Elements()))
	for i, element := range data.Elements() {
		if at, is := element.Get("index"); is {
			if json.Unmarshal(at.JSON(), &i) != nil || i < 0 || i >= len(vectors) {
				return nil, errors.New("a vector has a wrong index")
			}
		}
		if seen[i] {
			return nil, fmt.Errorf("two vectors have the index %d", i)
		}
		seen[i] = true
		given, _ := element.Get("embedding")
		var valid bool
		if vectors[i], valid = vectorOf(given); !valid {
			return nil, fmt.Errorf("vector %d is not a list of numbers", i)
		}
	}
	return vectors, nil
}

// vectorOf reads one vector: a list of numbers or, if the task sets `encoding_format: base64` in its options, the base64 of
// numbers of 32 bits.
func vectorOf(given value.Value) (vector value.Value, valid bool) {
	if given.Kind() == value.KindString {
		return decodeVector(given.Text())
	}
	for _, number := range given.Elements() {
		if number.Kind() != value.KindNumber {
			return given, false
		}
	}
	return given, len(given.Elements()) > 0
}

func decodeVector(text string) (vector value.Value, valid bool) {
	const size = 4
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(data) == 0 || len(data)%size != 0 {
		return vector, false
	}
	numbers := make([]value.Value, len(data)/size)
	for i := range numbers {
		number := math.Float32frombits(binary.LittleEndian.Uint32(data[i*size:]))
		if numbers[i], valid = value.Digits(strconv.FormatFloat(float64(number), 'g', -1, 32)); !valid {
			return vector, false // It is infinite, or not a number.
		}
	}
	return value.List(numbers...), true
}
