package docs_test

import (
	"regexp"
	"slices"
	"strings"
)

// What differs from one execution to the next, and what stands in its place when two are compared.
var varying = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`\b\d+(\.\d+)? s\b`), "N s"},
	{regexp.MustCompile(`\b\d+(\.\d+)? (B|[KMG]iB)(\W|$)`), "N bytes$3"},
	{regexp.MustCompile(`("(?:(?:[a-z_]+_)?duration|execution_time)": )[0-9.e+-]+`), "${1}N"},
	{regexp.MustCompile(`\b([a-z0-9-]+)-[0-9a-f]{8}\b`), "$1-ID"},
	{regexp.MustCompile(`\bbatch_[0-9a-f]{32}\b`), "batch_ID"},
	{regexp.MustCompile(`\b127\.0\.0\.1:\d+`), "ADDRESS"},
	{regexp.MustCompile(`\btoken=[A-Za-z0-9_-]+`), "token=TOKEN"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?`), "TIME"},
	{regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d\.\d{3} `), "CLOCK "},
	{regexp.MustCompile(`(?m)^\d{4}-\d\d-\d\d$`), "DAY"},
	{regexp.MustCompile(`(\bok) +\d+\.\d\S* +\d+ +\S.*$`), "$1 VERSION COUNT MODELS"}, // Of a server of models.
	{regexp.MustCompile(`(\S) {2,}`), "$1  "},                                         // Columns are as wide as the desk's folders, which pages show by other names.
}

// underlined is a line with which newer versions of Python point at a part of the line above it.
var underlined = regexp.MustCompile(`^\s*[~^]+$`)

// normal makes outputs comparable: what varies is replaced, lines of tasks that may end in any order are sorted, and
// lines about attempts that failed, which come and go with the clock, are left out.
func normal(lines []string) []string {
	var all []string
	for _, line := range lines {
		if underlined.MatchString(line) || strings.HasPrefix(line, "↻ ") || strings.HasPrefix(line, "restarted what was interrupted: ") {
			continue
		}
		for _, v := range varying {
			line = v.pattern.ReplaceAllString(line, v.instead)
		}
		all = append(all, strings.TrimRight(line, " "))
	}
	for from := 0; from < len(all); from++ {
		to := from
		for to < len(all) && (strings.HasPrefix(all[to], "✓ ") || strings.HasPrefix(all[to], "✗ ")) {
			to++
		}
		slices.Sort(all[from:to])
		from = max(from, to)
	}
	return all
}
