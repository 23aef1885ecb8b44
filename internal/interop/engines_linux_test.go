package interop_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spantest/engines"
	"github.com/gaptrace/gaptrace/internal/spantest/manyspans"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
)

// TestEngines runs the steps of gaptrace rollup on Spark and Flink, as docs/rollup.md does. Their
// answers must be those of gaptrace top on one machine.
func TestEngines(t *testing.T) {
	if os.Getenv("GAPTRACE_ENGINES") == "" {
		t.Skip("skipped: GAPTRACE_ENGINES does not name the folder of .ci/install-engines")
	}
	e := &enginesTest{input: t.TempDir()}
	e.Engines = spantest.Must(engines.Find("../..", filepath.Join(servers.ProgramDir(t), "gaptrace")))(t)
	mustRun(t, "../../cmd/gaptrace", "go", "build", "-o", e.Gaptrace, ".")
	const parts = 4
	for part := range parts {
		var b bytes.Buffer
		if err := manyspans.WriteStored(&b, "realistic", 100_000, 100, part, parts); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(e.input, fmt.Sprintf("%d.jsonl", part)), b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	files := spantest.Must(filepath.Glob(filepath.Join(e.input, "*")))(t)
	want := e.output(t, append([]string{"top", "-f", "json"}, files...)...)

	t.Run("Spark", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "out")
		mustSay(t, e.SparkSQL("local-cluster[2,1,1500]", "text.`"+e.input+"`", e.Spans(), e.Fold(), out))
		e.merged(t, out, want)
	})
	t.Run("Spark, a worker is killed", func(t *testing.T) {
		master := servers.FreeAddr(t, "Spark")
		daemon(t, e.SparkMaster(master))
		workers := []*exec.Cmd{
			daemon(t, e.SparkWorker(master, t.TempDir())), daemon(t, e.SparkWorker(master, t.TempDir())),
		}
		out := filepath.Join(t.TempDir(), "out")
		hang, dir := e.hangingFold(t)
		runAndKill(t, e.SparkSQL("spark://"+master, "text.`"+e.input+"`", e.Spans(), hang, out), dir, workers)
		e.merged(t, out, want)
	})
	t.Run("Spark, input that cannot be read", func(t *testing.T) {
		bad, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
		if err := os.WriteFile(filepath.Join(bad, "0.jsonl"), []byte("{\"traceID\":\"a1\",\"spanID\":oops}\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		said, err := e.SparkSQL("local[1]", "text.`"+bad+"`", e.Spans(), e.Fold(), out).CombinedOutput()
		if want := "gaptrace: standard input: byte 25: expected "; err == nil || !strings.Contains(string(said), want) {
			t.Errorf("%v, want %s\n%s", err, want, said)
		}
		if files, _ := filepath.Glob(filepath.Join(out, "part-*")); len(files) > 0 {
			t.Errorf("there are partials: %q", files)
		}
	})
	t.Run("Spark, parquet", func(t *testing.T) {
		parquet, out := filepath.Join(t.TempDir(), "parquet"), filepath.Join(t.TempDir(), "out")
		mustSay(t, e.Spark("local[2]", out, "-e", "INSERT OVERWRITE DIRECTORY '"+parquet+"' USING parquet "+
			"SELECT traceID AS trace_id, * EXCEPT (traceID) FROM json.`"+e.input+"`"))
		source := "(SELECT to_json(struct(trace_id AS traceID, *)) AS value FROM parquet.`" + parquet + "`)"
		mustSay(t, e.SparkSQL("local[2]", source, e.Spans(), e.Fold(), out))
		e.merged(t, out, want)
	})
	t.Run("Jaeger's Elasticsearch", func(t *testing.T) { e.elasticsearch(t) })
	// No comma: it is in the paths of temporary folders, and Flink takes it as the end of a path.
	t.Run("Flink 1.20", func(t *testing.T) {
		flink, _ := e.flinkCluster(t, "flink-1.20")
		out := filepath.Join(t.TempDir(), "out")
		mustSay(t, flink.Job(e.input, e.Spans(), e.Fold(), out))
		e.merged(t, out, want)
	})
	t.Run("Flink while a TaskManager is killed", func(t *testing.T) {
		flink, managers := e.flinkCluster(t, "flink")
		hang, first := e.hangingFold(t)
		out := filepath.Join(t.TempDir(), "out")
		runAndKill(t, flink.Job(e.input, e.Spans(), hang, out), first, managers)
		e.merged(t, out, want)
	})
}

type enginesTest struct {
	*engines.Engines
	input string // a folder of spans
}

// mustSay runs a command, and shows its output if it fails.
func mustSay(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
}

func (e *enginesTest) output(t *testing.T, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), e.Gaptrace, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("gaptrace %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return string(out)
}

// merged compares the result of the partials in a folder with that of one machine.
func (e *enginesTest) merged(t *testing.T, folder, want string) {
	t.Helper()
	partials := spantest.Must(filepath.Glob(filepath.Join(folder, "part-*")))(t)
	if len(partials) < 2 {
		t.Errorf("only %d files of partials", len(partials))
	}
	if got := e.output(t, append([]string{"rollup", "merge", "-f", "json"}, partials...)...); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// hangingFold returns a command that folds, except when it is run for the first time: then it
// writes its process ID into a folder, and hangs.
func (e *enginesTest) hangingFold(t *testing.T) (command, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "first")
	command = filepath.Join(t.TempDir(), "fold")
	script := "#!/bin/sh\nif mkdir " + dir + " 2>/dev/null; then\n" +
		"	echo $$ >" + dir + "/new && mv " + dir + "/new " + dir + "/pid\n	exec sleep 3600\nfi\n" +
		"exec " + e.Gaptrace + " rollup fold\n"
	if err := os.WriteFile(command, []byte(script), 0o777); err != nil {
		t.Fatal(err)
	}
	return command, dir
}

// runAndKill runs a job. While its first fold hangs, it kills that process with all its parents up
// to one of the workers. The job must go on without this worker.
func runAndKill(t *testing.T, job *exec.Cmd, dir string, workers []*exec.Cmd) {
	t.Helper()
	var said bytes.Buffer
	job.Stdout, job.Stderr = &said, &said
	if err := job.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- job.Wait() }()
	t.Cleanup(func() { _ = job.Process.Kill() })
	for {
		select {
		case err := <-ended:
			t.Fatalf("no fold hung: %v\n%s", err, &said)
		case <-time.After(50 * time.Millisecond):
		}
		if text, err := os.ReadFile(filepath.Join(dir, "pid")); err == nil {
			chain := []int{spantest.Must(strconv.Atoi(strings.TrimSpace(string(text))))(t)}
			for !slices.ContainsFunc(workers, func(w *exec.Cmd) bool { return w.Process.Pid == chain[0] }) {
				chain = append([]int{parentOf(t, chain[0])}, chain...)
			}
			for _, pid := range chain { // the worker first, which restarts others
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
			break
		}
	}
	if err := <-ended; err != nil {
		t.Fatalf("%v\n%s", err, &said)
	}
}

// parentOf returns the parent of a process that has one of the workers as an ancestor.
func parentOf(t *testing.T, pid int) int {
	t.Helper()
	stat := string(spantest.Must(os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)))(t))
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:]) // the state, the parent, …
	parent := spantest.Must(strconv.Atoi(fields[1]))(t)
	if parent <= 1 {
		t.Fatalf("process %d belongs to no worker", pid)
	}
	return parent
}

// elasticsearch reads what a real Jaeger has stored, by slices, in both layouts of tags.
func (e *enginesTest) elasticsearch(t *testing.T) {
	elasticsearch := servers.Elasticsearch(t)
	flink, _ := e.flinkCluster(t, "flink")
	for name, flags := range map[string][]string{"array": nil, "fields": {"--es.tags-as-fields.all=true"}} {
		jaeger := servers.JaegerOnElasticsearch(t, elasticsearch, append(flags, "--es.index-prefix="+name)...)
		const traces = 50
		sendTraces(t, jaeger, traces)
		index := name + "-jaeger-span-*"
		var want string
		spantest.Await(t, "all spans in Elasticsearch", func() bool {
			cmd := exec.Command(e.Gaptrace, "rollup", "-f", "json", "--elasticsearch", elasticsearch, "--index", index)
			out, err := cmd.Output()
			want = string(out)
			return err == nil && strings.Contains(want, fmt.Sprintf(`"spans":%d,`, 2*traces))
		})
		top := e.output(t, "top", "-f", "json", "--service", "shop", "--limit", "1000", jaeger.QueryURL)
		if want != top {
			t.Errorf("%s: Elasticsearch has\n%s\nJaeger answers\n%s", name, want, top)
		}
		spans := "xargs -I{} " + e.Spans() + " --elasticsearch " + elasticsearch + " --index " + index + " --slice {}"
		spark, out := filepath.Join(t.TempDir(), "out"), filepath.Join(flink.Dir, name)
		mustSay(t, e.SparkSQL("local[2]", "(SELECT concat(id, '/4') AS value FROM range(0, 4, 1, 4))", spans, e.Fold(), spark))
		e.merged(t, spark, want)
		mustSay(t, flink.Job("slices:4", spans, e.Fold(), out))
		e.merged(t, out, want)
	}
}

// sendTraces sends traces of two spans.
func sendTraces(t *testing.T, jaeger servers.JaegerServer, n int) {
	t.Helper()
	tr, closer, err := tracer.New("shop", tracer.WithCollector(jaeger.CollectorURL))
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		request := tr.StartSpan("GET /books", ext.SpanKindRPCServer)
		tr.StartSpan("sql query", ext.SpanKindRPCClient, opentracing.ChildOf(request.Context())).Finish()
		request.Finish()
	}
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
}

// flinkCluster starts a JobManager and two TaskManagers of a release of Flink.
func (e *enginesTest) flinkCluster(t *testing.T, release string) (*engines.Flink, []*exec.Cmd) {
	t.Helper()
	flink := spantest.Must(e.Flink(t.Context(), release, t.TempDir()))(t)
	daemon(t, flink.JobManager())
	managers := []*exec.Cmd{daemon(t, flink.TaskManager()), daemon(t, flink.TaskManager())}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if err := flink.Ready(ctx, len(managers)); err != nil {
		t.Fatal(err)
	}
	return flink, managers
}
