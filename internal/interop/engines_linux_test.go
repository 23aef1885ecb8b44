package interop_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
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
	"github.com/gaptrace/gaptrace/internal/spantest/manyspans"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
)

// TestEngines runs the steps of gaptrace rollup on Spark and Flink, as docs/rollup.md does. Their
// answers must be those of gaptrace top on one machine.
func TestEngines(t *testing.T) {
	root := os.Getenv("GAPTRACE_ENGINES")
	if root == "" {
		t.Skip("skipped: GAPTRACE_ENGINES does not name the folder of .ci/install-engines")
	}
	e := &engines{
		spark: filepath.Join(root, "spark"), flink: filepath.Join(root, "flink", "lib", "*"), java: javaHome(t),
		gaptrace: filepath.Join(servers.ProgramDir(t), "gaptrace"), input: t.TempDir(),
	}
	mustRun(t, "../../cmd/gaptrace", "go", "build", "-o", e.gaptrace, ".")
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
	spans, fold := e.gaptrace+" rollup spans", e.gaptrace+" rollup fold"

	t.Run("Spark", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "out")
		job := e.sparkSQL("local-cluster[2,1,1500]", "text.`"+e.input+"`", spans, fold, out)
		if said, err := job.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		e.merged(t, out, want)
	})
	t.Run("Spark, a worker is killed", func(t *testing.T) {
		master := freeAddr(t)
		e.sparkDaemon(t, "master.Master", master)
		workers := []*exec.Cmd{
			e.sparkDaemon(t, "worker.Worker", freeAddr(t), "spark://"+master),
			e.sparkDaemon(t, "worker.Worker", freeAddr(t), "spark://"+master),
		}
		out := filepath.Join(t.TempDir(), "out")
		hang, dir := e.hangingFold(t)
		job := e.sparkSQL("spark://"+master, "text.`"+e.input+"`", spans, hang, out)
		runAndKill(t, job, dir, workers)
		e.merged(t, out, want)
	})
	t.Run("Spark, input that cannot be read", func(t *testing.T) {
		bad, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
		if err := os.WriteFile(filepath.Join(bad, "0.jsonl"), []byte("{\"traceID\":\"a1\",\"spanID\":oops}\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		said, err := e.sparkSQL("local[1]", "text.`"+bad+"`", spans, fold, out).CombinedOutput()
		if want := "gaptrace: standard input: byte 25: expected "; err == nil || !strings.Contains(string(said), want) {
			t.Errorf("%v, want %s\n%s", err, want, said)
		}
		if files, _ := filepath.Glob(filepath.Join(out, "part-*")); len(files) > 0 {
			t.Errorf("there are partials: %q", files)
		}
	})
	t.Run("Spark, Jaeger's Elasticsearch", func(t *testing.T) { e.elasticsearchOnSpark(t) })
	// No comma: it is in the paths of temporary folders, and Flink takes it as the end of a path.
	t.Run("Flink while a TaskManager is killed", func(t *testing.T) { e.flinkKilled(t, spans, want) })
}

// engines are where the programs are.
type engines struct {
	spark, flink, java, gaptrace string
	input                        string // a folder of spans
}

func javaHome(t *testing.T) string {
	t.Helper()
	home := os.Getenv("ES_JAVA_HOME")
	if home == "" {
		t.Fatal("ES_JAVA_HOME is not set: source the environment that .ci/install-servers writes")
	}
	return home
}

func (e *engines) output(t *testing.T, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), e.gaptrace, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("gaptrace %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return string(out)
}

// merged compares the result of the partials in a folder with that of one machine.
func (e *engines) merged(t *testing.T, folder, want string) {
	t.Helper()
	partials := spantest.Must(filepath.Glob(filepath.Join(folder, "part-*")))(t)
	if len(partials) < 2 {
		t.Errorf("only %d files of partials", len(partials))
	}
	if got := e.output(t, append([]string{"rollup", "merge", "-f", "json"}, partials...)...); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func (e *engines) sparkEnv() []string {
	return append(os.Environ(), "JAVA_HOME="+e.java, "SPARK_HOME="+e.spark, "SPARK_LOCAL_IP=127.0.0.1",
		"SPARK_LOCAL_HOSTNAME=127.0.0.1", "SPARK_DAEMON_MEMORY=256m")
}

func (e *engines) sparkSQL(master, source, spans, fold, output string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(e.spark, "bin", "spark-sql"), "--master", master,
		"--driver-memory", "1g", "--executor-memory", "1g",
		"--conf", "spark.driver.bindAddress=127.0.0.1", "--conf", "spark.driver.host=127.0.0.1",
		"--conf", "spark.ui.enabled=false", "--conf", "spark.sql.catalogImplementation=in-memory",
		"--conf", "spark.sql.shuffle.partitions=4", "--conf", "spark.sql.adaptive.coalescePartitions.enabled=false",
		"--hivevar", "source="+source, "--hivevar", "spans="+spans, "--hivevar", "fold="+fold,
		"--hivevar", "output="+output, "-f", filepath.Join("..", "..", "engines", "spark", "rollup.sql"))
	cmd.Env = append(e.sparkEnv(), "SPARK_WORKER_DIR="+output+"-work", "SPARK_LOCAL_DIRS="+output+"-local")
	return cmd
}

// sparkDaemon starts a master or a worker.
func (e *engines) sparkDaemon(t *testing.T, class, addr string, args ...string) *exec.Cmd {
	t.Helper()
	_, port, _ := strings.Cut(addr, ":")
	_, ui, _ := strings.Cut(freeAddr(t), ":")
	options := []string{"org.apache.spark.deploy." + class, "--host", "127.0.0.1", "--port", port, "--webui-port", ui}
	if len(args) > 0 {
		options = append(options, "--cores", "1", "--memory", "2g", "--work-dir", t.TempDir())
	}
	cmd := exec.Command(filepath.Join(e.spark, "bin", "spark-class"), append(options, args...)...)
	cmd.Env = e.sparkEnv()
	return daemon(t, cmd)
}

// hangingFold returns a command that folds, except when it is run for the first time: then it
// writes its process ID into a folder, and hangs.
func (e *engines) hangingFold(t *testing.T) (command, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "first")
	command = filepath.Join(t.TempDir(), "fold")
	script := "#!/bin/sh\nif mkdir " + dir + " 2>/dev/null; then\n" +
		"	echo $$ >" + dir + "/new && mv " + dir + "/new " + dir + "/pid\n	exec sleep 3600\nfi\n" +
		"exec " + e.gaptrace + " rollup fold\n"
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

// elasticsearchOnSpark reads what a real Jaeger has stored, by slices, in both layouts of tags.
func (e *engines) elasticsearchOnSpark(t *testing.T) {
	elasticsearch := servers.Elasticsearch(t)
	for name, flags := range map[string][]string{"array": nil, "fields": {"--es.tags-as-fields.all=true"}} {
		jaeger := servers.JaegerOnElasticsearch(t, elasticsearch, append(flags, "--es.index-prefix="+name)...)
		const traces = 50
		sendTraces(t, jaeger, traces)
		index := name + "-jaeger-span-*"
		var want string
		spantest.Await(t, "all spans in Elasticsearch", func() bool {
			cmd := exec.Command(e.gaptrace, "rollup", "-f", "json", "--elasticsearch", elasticsearch, "--index", index)
			out, err := cmd.Output()
			want = string(out)
			return err == nil && strings.Contains(want, fmt.Sprintf(`"spans":%d,`, 2*traces))
		})
		top := e.output(t, "top", "-f", "json", "--service", "shop", "--limit", "1000", jaeger.QueryURL)
		if want != top {
			t.Errorf("%s: Elasticsearch has\n%s\nJaeger answers\n%s", name, want, top)
		}
		out := filepath.Join(t.TempDir(), "out")
		job := e.sparkSQL("local[2]", "(SELECT concat(id, '/4') AS value FROM range(0, 4, 1, 4))",
			"xargs -I{} "+e.gaptrace+" rollup spans --elasticsearch "+elasticsearch+" --index "+index+" --slice {}",
			e.gaptrace+" rollup fold", out)
		if said, err := job.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
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

// javaOptions are those that Flink's start scripts give to Java 17.
var javaOptions = []string{
	"-Xmx768m", "--add-exports=java.base/sun.net.util=ALL-UNNAMED", "--add-opens=java.base/java.lang=ALL-UNNAMED",
	"--add-opens=java.base/java.net=ALL-UNNAMED", "--add-opens=java.base/java.io=ALL-UNNAMED",
	"--add-opens=java.base/java.nio=ALL-UNNAMED", "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
	"--add-opens=java.base/java.lang.reflect=ALL-UNNAMED", "--add-opens=java.base/java.util=ALL-UNNAMED",
	"--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
}

// flinkKilled runs the job on two TaskManagers, one of which is killed.
func (e *engines) flinkKilled(t *testing.T, spans, want string) {
	dir := t.TempDir()
	java := filepath.Join(e.java, "bin", "java")
	jar := filepath.Join(dir, "rollup.jar")
	mustRun(t, ".", filepath.Join(e.java, "bin", "javac"), "--release", "11", "-cp", e.flink,
		"-d", filepath.Join(dir, "classes"), filepath.Join("..", "..", "engines", "flink", "Rollup.java"))
	mustRun(t, dir, filepath.Join(e.java, "bin", "jar"), "cfe", jar, "Rollup", "-C", "classes", ".")

	port := func() string { _, port, _ := strings.Cut(freeAddr(t), ":"); return port }
	rest := port()
	config := fmt.Sprintf(`jobmanager.rpc.address: 127.0.0.1
jobmanager.rpc.port: %s
jobmanager.bind-host: 127.0.0.1
rest.address: 127.0.0.1
rest.bind-address: 127.0.0.1
rest.port: %s
taskmanager.bind-host: 127.0.0.1
taskmanager.host: 127.0.0.1
taskmanager.numberOfTaskSlots: 1
taskmanager.cpu.cores: 1.0
taskmanager.memory.framework.heap.size: 128m
taskmanager.memory.framework.off-heap.size: 128m
taskmanager.memory.task.heap.size: 384m
taskmanager.memory.task.off-heap.size: 0m
taskmanager.memory.managed.size: 128m
taskmanager.memory.network.min: 64m
taskmanager.memory.network.max: 64m
taskmanager.memory.jvm-metaspace.size: 256m
taskmanager.memory.jvm-overhead.min: 192m
taskmanager.memory.jvm-overhead.max: 192m
heartbeat.interval: 1000
heartbeat.timeout: 10000
execution.batch.adaptive.auto-parallelism.enabled: false
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 10
restart-strategy.fixed-delay.delay: 1s
io.tmp.dirs: %s
`, port(), rest, dir)
	if err := os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(config), 0o666); err != nil {
		t.Fatal(err)
	}
	command := func(class string, args ...string) *exec.Cmd {
		arguments := slices.Concat(javaOptions, []string{"-cp", e.flink, "org.apache.flink." + class}, args)
		cmd := exec.Command(java, arguments...)
		cmd.Env = append(os.Environ(), "FLINK_CONF_DIR="+dir, "FLINK_LIB_DIR="+filepath.Dir(e.flink))
		return cmd
	}
	daemon(t, command("runtime.entrypoint.StandaloneSessionClusterEntrypoint",
		"--configDir", dir, "--host", "127.0.0.1", "--executionMode", "cluster"))
	taskManager := func() *exec.Cmd {
		return daemon(t, command("runtime.taskexecutor.TaskManagerRunner", "--configDir", dir))
	}
	managers := []*exec.Cmd{taskManager(), taskManager()}
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		overview := ""
		if res, err := http.Get("http://127.0.0.1:" + rest + "/overview"); err == nil {
			body, _ := io.ReadAll(res.Body)
			res.Body.Close()
			overview = string(body)
		}
		if strings.Contains(overview, `"taskmanagers":2`) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no two TaskManagers: %s", overview)
		}
	}
	hang, first := e.hangingFold(t)
	out := filepath.Join(dir, "out")
	job := command("client.cli.CliFrontend", "run", "-m", "127.0.0.1:"+rest, "-p", "2", jar, e.input, out, spans, hang)
	runAndKill(t, job, first, managers)
	e.merged(t, out, want)
}
