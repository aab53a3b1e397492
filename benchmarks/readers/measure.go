package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gleitzeit/gleitzeit/benchmarks/readers/library/pdfium"
)

// result is what a reader made of a document.
type result struct {
	File, Text, Error string
	Took              time.Duration // Of processors.
	Peak              int64         // Most memory of the process so far, in bytes.
}

// timeout is when a reader is given up: some never end.
const timeout = 10 * time.Second

var errEndless = errors.New("does not end")

// inProcesses reads files in a process that does nothing else. After a document on which the reader did not end, another one goes on.
func (r reader) inProcesses(cache string, files []string) (all []result, err error) {
	self, err := os.Executable()
	for err == nil && len(files) > 0 {
		var out []byte
		if out, err = exec.Command(self, append([]string{"-reader", r.name, "-cache", cache}, files...)...).Output(); err != nil {
			break
		}
		var some []result
		err = json.Unmarshal(out, &some)
		all, files = append(all, some...), files[len(some):]
	}
	return all, err
}

// measure reads files and prints the results. It ends with the first on which the reader does not end.
func (r reader) measure(files []string) error {
	var all []result
	for i, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if i == 0 {
			_, _ = r.guarded(file, data) // Warms up.
		}
		before := computed()
		text, err := r.guarded(file, data)
		made := result{File: file, Text: text, Took: computed() - before, Peak: peak(r.program != "")}
		if err != nil {
			made.Text, made.Error = "", err.Error()
		}
		all = append(all, made)
		if errors.Is(err, errEndless) {
			break
		}
	}
	return json.NewEncoder(os.Stdout).Encode(all)
}

// guarded gives a reader ten seconds, and survives its panic.
func (r reader) guarded(file string, data []byte) (string, error) {
	done := make(chan result, 1)
	go func() {
		var made result
		defer func() {
			if p := recover(); p != nil {
				made = result{Error: fmt.Sprintf("panic: %v", p)}
			}
			done <- made
		}()
		text, err := r.read(file, data)
		made.Text = text
		if err != nil {
			made.Error = err.Error()
		}
	}()
	select {
	case made := <-done:
		if made.Error != "" {
			return "", errors.New(made.Error)
		}
		return made.Text, nil
	case <-time.After(timeout):
		return "", errEndless
	}
}

// computed returns what this process and the programs that it ran have computed: other programs do not count.
func computed() (sum time.Duration) {
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var used syscall.Rusage
		if syscall.Getrusage(who, &used) == nil {
			sum += time.Duration(used.Utime.Nano() + used.Stime.Nano())
		}
	}
	return sum
}

// peak returns the most memory of this process, or of one of the programs that it ran. Linux counts it in kB.
func peak(programs bool) int64 {
	if programs {
		var used syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_CHILDREN, &used)
		return used.Maxrss << 10
	}
	status, _ := os.ReadFile("/proc/self/status")
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	number, _, _ := strings.Cut(strings.TrimSpace(after), " ")
	n, _ := strconv.ParseInt(number, 10, 64)
	return n << 10
}

// startPDFium fills the cache, and prints what a start takes without it and with it.
func startPDFium(cache string) error {
	for _, note := range []string{"without a cache", "with a cache"} {
		at, before := time.Now(), computed()
		pool, err := pdfium.Start(cache)
		if err != nil {
			return err
		}
		fmt.Printf("PDFium starts %s in %.2f s, of which it computes %.2f s on all processors\n\n", note, time.Since(at).Seconds(), (computed() - before).Seconds())
		if err := pool.Close(); err != nil {
			return err
		}
	}
	return nil
}

// compareSizes builds a program with each library, and one without.
func compareSizes() error {
	folders, err := filepath.Glob("library/*")
	if err != nil {
		return err
	}
	empty, err := sizeOf("")
	if err != nil {
		return err
	}
	fmt.Print("| Library | added to a program |\n| --- | --- |\n")
	for _, folder := range folders {
		size, err := sizeOf(folder)
		if err != nil {
			return err
		}
		fmt.Printf("| %s | %.1f MB |\n", filepath.Base(folder), float64(size-empty)/1e6)
	}
	return nil
}

// sizeOf returns the size of a program, built as releases are, that reads a file with a library; without one it prints the file.
func sizeOf(library string) (size int64, err error) {
	folder, err := os.MkdirTemp(".", "size-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	imported, call := "", "string(data), err"
	if library != "" {
		imported, call = strconv.Quote("github.com/gleitzeit/gleitzeit/benchmarks/readers/"+library), filepath.Base(library)+".Read(os.Args[1], data)"
	}
	text := "package main\n\nimport (\n\"fmt\"\n\"os\"\n" + imported + "\n)\n\nfunc main() {\ndata, err := os.ReadFile(os.Args[1])\nfmt.Println(err)\nfmt.Println(" + call + ")\n}\n"
	if err := os.WriteFile(filepath.Join(folder, "main.go"), []byte(text), 0o600); err != nil {
		return 0, err
	}
	program := filepath.Join(folder, "program")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "./"+folder)
	build.Env, build.Stderr = append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
	if err := build.Run(); err != nil {
		return 0, err
	}
	info, err := os.Stat(program)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
