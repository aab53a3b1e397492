package benchmarks

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// BenchmarkHello runs the built program on the first example, as a whole process: with an empty home folder (the
// database and the key pair are made), and with one that has been used. As a measure of the machine it starts the
// interpreter that the example needs.
func BenchmarkHello(b *testing.B) {
	gleitzeit := program(b)
	python := func() time.Duration { return wall(b, "", "python3", "-I", "-c", "pass") }
	hello := func(home string) time.Duration {
		return wall(b, home, gleitzeit, "run", "../examples/01-hello/flow.yaml")
	}
	used := b.TempDir()
	hello(used)
	for b.Loop() {
		var empty, warm, interpreter []time.Duration
		for range fewer(rounds) {
			interpreter = append(interpreter, python())
			empty = append(empty, hello(b.TempDir()))
			warm = append(warm, hello(used))
		}
		b.ReportMetric(median(empty).Seconds(), "empty-home-s")
		b.ReportMetric(median(warm).Seconds(), "used-home-s")
		b.ReportMetric(median(interpreter).Seconds(), "python3-s")
		b.ReportMetric(median(empty).Seconds()/median(warm).Seconds(), "ratio")
	}
}

// program is the built program.
func program(b *testing.B) string {
	b.Helper()
	path, err := programtest.BuildIn(b.TempDir())
	programtest.Must(b, err)
	return path
}

func wall(b *testing.B, home, program string, args ...string) time.Duration {
	b.Helper()
	command := exec.CommandContext(b.Context(), program, args...)
	command.Env = append(os.Environ(), "GLEITZEIT_HOME="+home)
	began := time.Now()
	if out, err := command.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return time.Since(began)
}
