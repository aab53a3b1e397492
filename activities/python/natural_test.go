package python_test

import (
	"os/exec"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/python"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/require"
)

func TestResultsBecomeTheirNaturalJSON(t *testing.T) {
	for _, test := range []struct{ name, code, want string }{
		{"range and views", `d = {"b": 1, "a": 2}
result = [range(3), d.keys(), d.values(), d.items()]`, `[[0,1,2],["b","a"],[1,2],[["b",1],["a",2]]]`},
		{"nested sets", `result = {"s": {frozenset({2, 1}), frozenset()}}`, `{"s":[[],[1,2]]}`},
		{"dates", `import datetime as d
z = d.timezone(d.timedelta(hours=2))
result = [d.date(2024, 2, 29), d.datetime(2024, 2, 29, 1, 2, 3, 4, z), d.time(1, 2), d.timedelta(minutes=1.5)]`,
			`["2024-02-29","2024-02-29T01:02:03.000004+02:00","01:02:00",90.0]`},
		{"paths", `import pathlib
result = {"p": pathlib.PurePosixPath("a") / "ö"}`, `{"p":"a/ö"}`},
		{"a dataclass", `import dataclasses, typing
@dataclasses.dataclass
class Inner:
  when: object
@dataclasses.dataclass
class Point:
  y: int
  x: typing.ClassVar[int] = 9
  inner: Inner = None
result = [Point(1, Inner((1, 2)))]`, `[{"y":1,"inner":{"when":[1,2]}}]`},
		{"enums", `import enum
class Color(enum.Enum): RED = "r"
class Level(enum.IntEnum): HIGH = 3
result = {Color.RED: [Color.RED, Level.HIGH]}`, `{"r":["r",3]}`},
		{"decimals keep their digits", `import decimal
result = decimal.Decimal("0.10")`, `"0.10"`},
		{"keys that are numbers", `result = {1: "a", 2.5: "b", True: "c", None: {3: 4}}`, `{"1":"c","2.5":"b","null":{"3":4}}`},
		{"keys of a counter", `import collections
result = collections.Counter([7, 7, 5])`, `{"7":2,"5":1}`},
		{"uuid", `import uuid
result = uuid.UUID(int=1)`, `"00000000-0000-0000-0000-000000000001"`},
		{"collections", `import collections, types
result = [collections.deque([1, {2}]), collections.Counter("aab"), collections.ChainMap({"a": 1}), types.MappingProxyType({"b": ()})]`,
			`[[1,[2]],{"a":2,"b":1},{"a":1},{"b":[]}]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := string(field(t, mustRun(t, ofCode(t, test.code)), "result").JSON()); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// scientific is a handler whose interpreter has NumPy and pandas.
func scientific(t *testing.T) *python.Handler {
	t.Helper()
	if err := exec.CommandContext(t.Context(), "/usr/bin/python3", "-c", "import numpy, pandas").Run(); err != nil {
		require.Skip(t, "/usr/bin/python3 has no NumPy and pandas")
	}
	handler := python.New(python.Options{Interpreter: "/usr/bin/python3", Preload: []string{"numpy", "pandas"}})
	t.Cleanup(func() {
		if err := handler.Close(); err != nil {
			t.Error(err)
		}
	})
	return handler
}

func TestArraysAndFrames(t *testing.T) {
	handler := scientific(t)
	for _, test := range []struct{ code, want string }{
		{`result = [np.int64(2**62), np.float32(0.5), np.float64(0.1), np.bool_(True), np.str_("x")]`, `[4611686018427387904,0.5,0.1,true,"x"]`},
		{`result = {"a": np.arange(6).reshape(2, 3), "b": np.array(["x", "y"])}`, `{"a":[[0,1,2],[3,4,5]],"b":["x","y"]}`},
		{`result = np.array(["2024-01-01", "NaT"], dtype="datetime64[D]")`, `["2024-01-01",null]`},
		{`result = np.array(["NaT", "nan"])`, `["NaT","nan"]`},
		// What is missing is null.
		{`result = [np.array([[1.0, np.nan]]), np.float64("nan"), np.float32("nan"), pd.Series([0.5, None]), np.array([None, float("nan"), "a"], dtype=object)]`, `[[[1.0,null]],null,null,[0.5,null],[null,null,"a"]]`},
		{`result = {"rows": pd.DataFrame({"price": [1.0, float("nan")], "t": [pd.Timestamp("2024-01-01"), pd.NaT], "s": pd.array(["a", pd.NA], dtype="string")})}`,
			`{"rows":[{"price":1.0,"t":"2024-01-01T00:00:00","s":"a"},{"price":null,"t":null,"s":null}]}`},
		{`result = pd.Categorical(["b", None])`, `["b",null]`},
		// Times between two moments are seconds in all libraries.
		{`import datetime
result = [datetime.timedelta(minutes=1.5), pd.Timedelta("90s"), np.timedelta64(90, "s"), np.array([90000, "NaT"], dtype="m8[ms]"), pd.Series(pd.to_timedelta(["90s", None]))]`,
			`[90.0,90.0,90.0,[90.0,null],[90.0,null]]`},
		{`result = np.array([2], dtype="m8[M]")`, `["2 months"]`},
		// Labels are kept.
		{`result = pd.DataFrame({"k": ["x", "y", "x"], "n": [1, 2, 3]}).groupby("k")["n"].sum()`, `{"x":4,"y":2}`},
		{`result = pd.DataFrame({"k": ["x", "y", "x"], "n": [1, 2, 3]}).groupby("k").sum()`, `[{"k":"x","n":4},{"k":"y","n":2}]`},
		{`result = pd.DataFrame({"k": ["x", "x"], "l": [1, 2], "n": [1, 2]}).groupby(["k", "l"])["n"].sum()`, `[{"k":"x","l":1,"n":1},{"k":"x","l":2,"n":2}]`},
		{`result = pd.Series([7, 7, 5]).value_counts()`, `{"7":2,"5":1}`},
		{`result = pd.Series([1, 3]).describe()[["count", "mean"]]`, `{"count":2.0,"mean":2.0}`},
		{`result = pd.DataFrame({"n": [1, 3]}).describe().loc[["count", "mean"]]`, `[{"index":"count","n":2.0},{"index":"mean","n":2.0}]`},
		{`result = pd.Series([1, 2], index=pd.to_datetime(["2024-01-01", "2024-01-02"]))`, `{"2024-01-01T00:00:00":1,"2024-01-02T00:00:00":2}`},
		{`result = pd.Series([1, 2], index=["a", "a"])`, `[{"index":"a","value":1},{"index":"a","value":2}]`},
		{`result = pd.DataFrame({"n": [1, 2, 3]})[1:]`, `[{"n":2},{"n":3}]`},
		{`result = pd.DataFrame({"n": [1, 2, 3]})["n"][1:]`, `[2,3]`},
		{`result = {np.int64(1): np.int64(2)}`, `{"1":2}`},
		{`result = pd.DataFrame({"n": [1, 2], "t": pd.to_datetime(["2024-01-01", "2024-01-02"]), "s": ["a", None]})`,
			`[{"n":1,"t":"2024-01-01T00:00:00","s":"a"},{"n":2,"t":"2024-01-02T00:00:00","s":null}]`},
		{`result = pd.DataFrame([[1, 2]])`, `[{"0":1,"1":2}]`},
		{`result = [pd.DataFrame(), pd.Series([1, 2], index=["a", "b"]), pd.Index(["x"]), pd.NA, pd.NaT]`, `[[],{"a":1,"b":2},["x"],null,null]`},
		{`result = [pd.Timestamp("2024-01-01"), pd.Timedelta("90s"), pd.Period("2024-01"), pd.Categorical(["b", "a"])]`, `["2024-01-01T00:00:00",90.0,"2024-01",["b","a"]]`},
	} {
		result, err := handler.Handle(t.Context(), ofCode(t, "import numpy as np, pandas as pd\n"+test.code), nil)
		if err != nil {
			t.Errorf("%s: %v", test.code, err)
		} else if got := string(field(t, result, "result").JSON()); got != test.want {
			t.Errorf("%s\ngot  %s\nwant %s", test.code, got, test.want)
		}
	}
	for _, test := range []struct{ code, want string }{
		{`result = {"rows": pd.DataFrame({"price": [1.0, float("inf")]})}`, `result["rows"][1]["price"] is inf, which JSON does not support`},
		{`result = [float("nan")]`, `result[0] is nan, which JSON does not support`},
		{`result = [np.array([[1.0, np.inf]])]`, `result[0][0][1] is inf, which JSON does not support`},
		{`result = np.complex128(1)`, `result is a complex, which JSON does not support`},
		{`result = pd.DataFrame([[1, 2]], columns=["a", "a"])`, `result is a frame with two columns of the same name; the keys of a JSON object must be unique`},
	} {
		_, err := handler.Handle(t.Context(), ofCode(t, "import numpy as np, pandas as pd\n"+test.code), nil)
		if known := protocol.AsError(errorOr(err), 0); known.Code != protocol.TaskResultInvalid || known.Message != test.want {
			t.Errorf("%s: got %s: %v", test.code, known.Name, err)
		}
	}
	seen := map[string]bool{}
	for range 3 {
		result, err := handler.Handle(t.Context(), ofCode(t, "import numpy\nresult = numpy.random.rand()"), nil)
		if err != nil {
			t.Fatal(err)
		}
		seen[field(t, result, "result").Digits()] = true
	}
	if len(seen) != 3 {
		t.Errorf("NumPy's random numbers are the same in each script: %v", seen)
	}
}
