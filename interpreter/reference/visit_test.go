package reference_test

import (
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

const nested = `{"b": "one", "a": [1, "two", {"${k}": "three", "c": [["four"]]}], "n": null, "": "five"}`

func TestAll(t *testing.T) {
	var got []string
	reference.Walk(val(t, nested), func(path []string, text string) {
		got = append(got, strings.Join(path, "/")+"="+text)
	})
	equal(t, got, []string{"b=one", "a/1=two", "a/2/${k}=three", "a/2/c/0/0=four", "=five"})
}

func TestAllOfOneText(t *testing.T) {
	var depths []int
	reference.Walk(value.String("x"), func(path []string, text string) { depths = append(depths, len(path)) })
	equal(t, depths, []int{0})
}

func TestKeys(t *testing.T) {
	var got []string
	reference.WalkKeys(val(t, nested), func(path []string, key string) {
		got = append(got, strings.Join(path, "/")+":"+key)
	})
	equal(t, got, []string{":b", ":a", "a/2:${k}", "a/2:c", ":n", ":"})
}

func TestHeads(t *testing.T) {
	v := val(t, `{"x": "${b.x} ${a} $${no} ${bad..y}", "${key}": ["${b}", "${My Task.z:-1} ${inputs.q}"]}`)
	equal(t, reference.Heads(v), []string{"b", "a", "My Task", "inputs"})
	equal(t, reference.Heads(val(t, `[1, "plain"]`)), nil)
}
