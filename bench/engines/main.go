// Command engines measures gaptrace rollup on one machine, on Spark and on Flink. It compares their
// answers with that of gaptrace top. docs/PERFORMANCE.md has the results.
//
//	. ~/.cache/gaptrace-servers/env    # Java, of .ci/install-servers
//	export GAPTRACE_ENGINES=~/.cache/gaptrace-engines    # of .ci/install-engines
//	go run ./bench/engines
//
// It counts the CPU time of all processes that a run starts. "more spans per more CPU second"
// compares a run with the same run of fewer spans, the first of which has a thousand: so neither
// the start nor what Java has compiled until then counts. The memory is the largest sum of all
// processes at one time, looked at every 250 ms. It needs Linux, and about 900 bytes of disk for
// each span.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gaptrace/gaptrace/internal/spantest/engines"
	"github.com/gaptrace/gaptrace/internal/spantest/manyspans"
)

func main() {
	log.SetFlags(0)
	sizes := flag.String("spans", "1000000", "numbers of spans, separated by commas")
	one := flag.Int("one", 500_000, "spans of an input that is one trace; 0 leaves it out")
	runs := flag.String("runs", "top,rollup,spark,flink", "what to measure")
	java := flag.String("java", engines.StartsFast, "options of Java for Spark and Flink")
	repo := flag.String("repo", ".", "folder of the repository")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, *repo, *sizes, *one, strings.Split(*runs, ","), *java); err != nil {
		log.Fatal("engines: ", err)
	}
}

// bench is what all runs share.
type bench struct {
	dir, gaptrace string
	engines       *engines.Engines
	out           io.Writer
	runs          []string
	before        map[string]result // by run: its last one with fewer spans
}

// usage is what a run used.
type usage struct {
	cpu, clock     time.Duration
	memory, filter int64 // the largest sum of all processes, and the largest process gaptrace
	shuffled       int64
}

// result is what a run with a number of spans used.
type result struct {
	spans int
	usage
}

func run(ctx context.Context, out io.Writer, repo, sizes string, one int, runs []string, java string) error {
	repo, err := filepath.Abs(repo)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "engines-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{
		dir: dir, gaptrace: filepath.Join(dir, "gaptrace"), runs: runs, before: map[string]result{}, out: out,
	}
	build := exec.Command("go", "build", "-o", b.gaptrace, ".")
	build.Dir = filepath.Join(repo, "cmd", "gaptrace")
	if said, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, said)
	}
	if b.engines, err = engines.Find(repo, b.gaptrace); err != nil {
		fmt.Fprintf(out, "Spark and Flink are not measured: %v\n", err)
		b.runs = slices.DeleteFunc(b.runs, func(name string) bool { return name == "spark" || name == "flink" })
	}
	if b.engines != nil {
		b.engines.Options = java
	}
	if err := becomeSubreaper(); err != nil {
		return err
	}
	fmt.Fprint(out, "| spans | run | CPU time | clock | more spans per more CPU second | memory | largest `gaptrace` | shuffled |\n"+
		"|---|---|---|---|---|---|---|---|\n")
	sizes = "1000," + sizes // shows what the start costs
	var start map[string]result
	for size := range strings.SplitSeq(sizes, ",") {
		n, err := strconv.Atoi(size)
		if err != nil {
			return err
		}
		if err := b.measure(ctx, n, 100); err != nil {
			return err
		}
		if start == nil {
			start = maps.Clone(b.before)
		}
	}
	if one > 0 {
		b.before = start
		if err := b.measure(ctx, one, one); err != nil {
			return err
		}
	}
	return nil
}

// measure runs everything on n spans, and writes the rows of the table.
func (b *bench) measure(ctx context.Context, n, perTrace int) error {
	in := filepath.Join(b.dir, "in")
	if err := os.Mkdir(in, 0o777); err != nil {
		return err
	}
	defer os.RemoveAll(in)
	const parts = 8
	var files []string
	for part := range parts {
		file, err := os.Create(filepath.Join(in, fmt.Sprintf("%d.jsonl", part)))
		if err != nil {
			return err
		}
		if err := errors.Join(manyspans.WriteStored(file, "realistic", n, perTrace, part, parts), file.Close()); err != nil {
			return err
		}
		files = append(files, file.Name())
	}
	name := strconv.Itoa(n)
	if perTrace == n {
		name += ", one trace"
	}
	top := append([]string{"top", "-f", "json", "--join-window", strconv.Itoa(n)}, files...)
	want, err := output(exec.CommandContext(ctx, b.gaptrace, top...))
	if err != nil {
		return err
	}
	for _, run := range b.runs {
		var j job
		switch run {
		case "top":
			j = b.local(top...)
		case "rollup":
			j = b.local(append([]string{"rollup", "-f", "json", "--memory", "64MiB"}, files...)...)
		case "spark":
			j = b.spark(in)
		case "flink":
			f, err := b.engines.Flink(ctx, "flink", b.dir) // javac is no part of the job
			if err != nil {
				return err
			}
			j = b.flink(f, in)
		default:
			return fmt.Errorf("no run %q; runs are: top, rollup, spark, flink", run)
		}
		got, used, err := b.observe(ctx, j)
		if err != nil {
			return fmt.Errorf("%s, %s spans: %w", run, name, err)
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("%s, %s spans: the answer differs from that of top: got\n%s\nwant\n%s", run, name, got, want)
		}
		perSecond := ""
		if fewer, ok := b.before[run]; ok {
			perSecond = fmt.Sprintf("%.0f", float64(n-fewer.spans)/(used.cpu-fewer.cpu).Seconds())
		}
		if perTrace < n {
			b.before[run] = result{n, used}
		}
		fmt.Fprintf(b.out, "| %s | %s | %.1f s | %.1f s | %s | %d MB | %d MB | %d MB |\n", name, run, used.cpu.Seconds(), used.clock.Seconds(),
			perSecond, used.memory/1e6, used.filter/1e6, used.shuffled/1e6)
	}
	return nil
}

// job runs a command line or a cluster, and returns the answer and the bytes shuffled.
type job func(ctx context.Context, dir string) (answer []byte, shuffled int64, err error)

func (b *bench) local(args ...string) job {
	return func(ctx context.Context, _ string) ([]byte, int64, error) {
		answer, err := output(exec.CommandContext(ctx, b.gaptrace, args...))
		return answer, 0, err
	}
}

// merged returns the answer of the partials in a folder.
func (b *bench) merged(ctx context.Context, folder string) ([]byte, error) {
	partials, err := filepath.Glob(filepath.Join(folder, "part-*"))
	if err != nil {
		return nil, err
	}
	return output(exec.CommandContext(ctx, b.gaptrace, append([]string{"rollup", "merge", "-f", "json"}, partials...)...))
}

func output(cmd *exec.Cmd) ([]byte, error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", cmd, err, &stderr)
	}
	return out, err
}
