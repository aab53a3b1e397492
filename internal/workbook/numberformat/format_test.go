package numberformat_test

import (
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/workbook/numberformat"
)

func TestShow(t *testing.T) {
	for _, c := range []struct{ code, value, want string }{
		{"", "4929123456789012", "4929123456789012"}, {"", "0.30000000000000004", "0.3"}, {"", "1E-7", "0.0000001"}, {"", "-12", "-12"}, {"", "1E+300", "1E+300"}, {"", "4.4408920985006262E-16", "4.44089209850063E-16"}, {"", "text", "text"},
		{"0.00", "2.675", "2.68"}, {"0.00", "-0.001", "0.00"}, {"#,##0", "1234567", "1,234,567"}, {"#,##0", "12", "12"}, {"#,##0.00", "-1234.5", "-1,234.50"},
		{"0%", "0.125", "13%"}, {"0.0%", "0.125", "12.5%"}, {"00000", "1067", "01067"}, {"#,##0,", "1234567", "1,235"}, {"0.0,,", "1234567", "1.2"}, {"0.##", "1.5", "1.5"}, {"#.00", "0.5", ".50"},
		{`#,##0.00 "€";[Red]-#,##0.00 "€"`, "-5", "-5.00 €"}, {`"yes";"no";"none"`, "0", "none"}, {"_-* #,##0.00_-;-* #,##0.00_-", "5", "5.00"}, {"[$£-809]#,##0", "5000", "£5,000"}, {"(0)", "3", "(3)"},
		{"yyyy-mm-dd", "46355", "2026-11-29"}, {"d.m.yy", "46355", "29.11.26"}, {"dddd, mmmm dd", "46355", "Sunday, November 29"}, {"hh:mm:ss", "0.5", "12:00:00"}, {"h:mm AM/PM", "0.75", "6:00 PM"},
		{"[h]:mm", "2.5", "60:00"}, {"mm:ss.0", "0.0007", "01:00.4"}, {"yyyy-mm-dd h:mm", "1.25", "1900-01-01 6:00"}, {"yyyy-mm-dd", "-1", "-1"}, {"0.00E+00", "1234567890123456", "1234567890123456"}, {"@", "7", "7"}, {"General", "1.50", "1.5"}, {";;;", "5", ""},
	} {
		if got := numberformat.Format(c.code).Show(c.value, 0); got != c.want {
			t.Errorf("%s as %q: got %q, want %q", c.value, c.code, got, c.want)
		}
	}
}

func TestKind(t *testing.T) {
	for want, codes := range map[numberformat.Kind][]numberformat.Format{
		numberformat.Digits:   {"", "General", "0.00", "@", `[Red]#,##0.00" days"`, `0 \h`, "0;yyyy", "0.00E+00", numberformat.Format(strings.Repeat("y", 2_000))},
		numberformat.Date:     {"yyyy-mm-dd", "mmm-yy", "m", `[$-409]d"d"\ mmm;@`, "[$-411]e/m/d", "D.M.YY", numberformat.BuiltIn[14], numberformat.BuiltIn[29], numberformat.BuiltIn[52]},
		numberformat.Clock:    {"h:mm", "mm:ss.0", "h:mm AM/PM", "h AM/PM", numberformat.BuiltIn[20], numberformat.BuiltIn[33], numberformat.BuiltIn[56]},
		numberformat.DateTime: {"yyyy-mm-dd h:mm", "d.m. hh:mm", numberformat.BuiltIn[22]},
		numberformat.Duration: {"[h]:mm", "[mm]:ss", "[Blue][SS]", numberformat.BuiltIn[46]},
	} {
		for _, code := range codes {
			if got := code.Kind(); got != want {
				t.Errorf("%.50q: got %d, want %d", code, got, want)
			}
		}
	}
}

func FuzzShow(f *testing.F) {
	for _, code := range []string{"", "General", "#,##0.00;[Red]-#,##0.00", "yyyy-mm-dd hh:mm:ss.000", "[h]:mm", "000-00-0000", `"x"0.0,,%`, "0.00E+00", "# ?/?", "_-* #,##0 [$€-407]", `h:mm AM/PM \`, "mmmmm;@;;", `[`, `"`, ".", "#.#"} {
		f.Add(code, "1234567.891", 0)
		f.Add(code, "-0.5", 1462)
	}
	f.Fuzz(func(t *testing.T, code, value string, dayZero int) {
		if text := numberformat.Format(code).Show(value, dayZero%10_000); len(text) > len(value)+10*len(code)+1_000 {
			t.Errorf("%q of %q is %d bytes", code, value, len(text))
		}
	})
}
