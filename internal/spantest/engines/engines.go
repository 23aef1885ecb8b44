// Package engines starts Spark and Flink, as .ci/install-engines has installed them, and runs the
// jobs of the folder engines. Nothing listens beyond the loopback interface.
package engines

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Engines are where the programs are.
type Engines struct {
	Root     string // the folder of .ci/install-engines
	Java     string // the folder of Java 17, as in JAVA_HOME
	Jobs     string // the folder engines of this repository
	Gaptrace string // the command
	Options  string // of Java, for all processes
}

// StartsFast are options with which Java starts in fewer CPU seconds, and makes slower code.
const StartsFast = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"

// Find returns the engines of GAPTRACE_ENGINES, with the Java of ES_JAVA_HOME, which starts fast.
// The repository is in the folder repo.
func Find(repo, gaptrace string) (*Engines, error) {
	e := &Engines{
		Root: os.Getenv("GAPTRACE_ENGINES"), Java: os.Getenv("ES_JAVA_HOME"),
		Jobs: filepath.Join(repo, "engines"), Gaptrace: gaptrace, Options: StartsFast,
	}
	switch {
	case e.Root == "":
		return nil, errors.New("GAPTRACE_ENGINES does not name the folder of .ci/install-engines")
	case e.Java == "":
		return nil, errors.New("ES_JAVA_HOME is not set: source the environment that .ci/install-servers writes")
	}
	return e, nil
}

// Spans returns the command of the step spans.
func (e *Engines) Spans() string { return e.Gaptrace + " rollup spans" }

// Fold returns the command of the step fold.
func (e *Engines) Fold() string { return e.Gaptrace + " rollup fold" }

func (e *Engines) sparkEnv() []string {
	return append(os.Environ(), "JAVA_HOME="+e.Java, "SPARK_HOME="+filepath.Join(e.Root, "spark"),
		"SPARK_LOCAL_IP=127.0.0.1", "SPARK_LOCAL_HOSTNAME=127.0.0.1", "SPARK_DAEMON_MEMORY=256m")
}

// Spark returns the command spark-sql with its arguments. Its temporary files are in dir-work and
// dir-local.
func (e *Engines) Spark(master, dir string, args ...string) *exec.Cmd {
	args = append([]string{
		"--master", master, "--driver-memory", "1g", "--executor-memory", "1g",
		"--conf", "spark.driver.bindAddress=127.0.0.1", "--conf", "spark.driver.host=127.0.0.1",
		"--conf", "spark.ui.enabled=false", "--conf", "spark.sql.catalogImplementation=in-memory",
		"--conf", "spark.sql.shuffle.partitions=4", "--conf", "spark.sql.adaptive.coalescePartitions.enabled=false",
	}, args...)
	if e.Options != "" {
		args = append([]string{
			"--driver-java-options", e.Options, "--conf", "spark.executor.extraJavaOptions=" + e.Options,
		}, args...)
	}
	cmd := exec.Command(filepath.Join(e.Root, "spark", "bin", "spark-sql"), args...)
	cmd.Env = append(e.sparkEnv(), "SPARK_WORKER_DIR="+dir+"-work", "SPARK_LOCAL_DIRS="+dir+"-local")
	return cmd
}

// SparkSQL returns the command that runs a job on Spark.
func (e *Engines) SparkSQL(master, source, spans, fold, output string, args ...string) *exec.Cmd {
	return e.Spark(master, output, append([]string{
		"--hivevar", "source=" + source, "--hivevar", "spans=" + spans, "--hivevar", "fold=" + fold,
		"--hivevar", "output=" + output, "-f", filepath.Join(e.Jobs, "spark", "rollup.sql"),
	}, args...)...)
}

// SparkMaster returns the command of a standalone master that listens on addr.
func (e *Engines) SparkMaster(addr string) *exec.Cmd { return e.sparkDaemon("master.Master", addr) }

// SparkWorker returns the command of a worker of a standalone master.
func (e *Engines) SparkWorker(master, workDir string) *exec.Cmd {
	return e.sparkDaemon("worker.Worker", freeAddr(),
		"--cores", "1", "--memory", "2g", "--work-dir", workDir, "spark://"+master)
}

func (e *Engines) sparkDaemon(class, addr string, args ...string) *exec.Cmd {
	args = append([]string{
		"org.apache.spark.deploy." + class, "--host", "127.0.0.1", "--port", port(addr), "--webui-port", port(freeAddr()),
	}, args...)
	cmd := exec.Command(filepath.Join(e.Root, "spark", "bin", "spark-class"), args...)
	cmd.Env = e.sparkEnv()
	return cmd
}

// freeAddr returns an address of the loopback interface that nobody uses.
func freeAddr() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err) // no program of this package can run
	}
	defer l.Close()
	return l.Addr().String()
}

func port(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}

// Flink is a configuration of a cluster.
type Flink struct {
	REST string // the URL of the JobManager
	Dir  string // for temporary files

	*Engines
	lib, jar string
}

// javaOptions are those that Flink's start scripts give to Java 17.
var javaOptions = []string{
	"--add-exports=java.base/sun.net.util=ALL-UNNAMED", "--add-opens=java.base/java.lang=ALL-UNNAMED",
	"--add-opens=java.base/java.net=ALL-UNNAMED", "--add-opens=java.base/java.io=ALL-UNNAMED",
	"--add-opens=java.base/java.nio=ALL-UNNAMED", "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
	"--add-opens=java.base/java.lang.reflect=ALL-UNNAMED", "--add-opens=java.base/java.util=ALL-UNNAMED",
	"--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
}

// flinkConfig is for TaskManagers of one core and one slot each.
const flinkConfig = `jobmanager.rpc.address: 127.0.0.1
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
pekko.ask.timeout: 2 min
heartbeat.interval: 1000
heartbeat.timeout: 10000
execution.batch.adaptive.auto-parallelism.enabled: false
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 10
restart-strategy.fixed-delay.delay: 1s
io.tmp.dirs: %s
`

// Flink compiles the job for a release of Flink, the folder flink or flink-VERSION of
// .ci/install-engines. It writes the job and the configuration of a cluster to dir.
func (e *Engines) Flink(ctx context.Context, release, dir string) (*Flink, error) {
	rest := freeAddr()
	f := &Flink{
		REST: "http://" + rest, Engines: e, Dir: dir,
		lib: filepath.Join(e.Root, release, "lib"), jar: filepath.Join(dir, "rollup.jar"),
	}
	config := fmt.Sprintf(flinkConfig, port(freeAddr()), port(rest), dir)
	if err := os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(config), 0o666); err != nil {
		return nil, err
	}
	classes, bin := filepath.Join(dir, "classes"), filepath.Join(e.Java, "bin")
	for _, cmd := range []*exec.Cmd{
		exec.CommandContext(ctx, filepath.Join(bin, "javac"), "--release", "11",
			"-cp", filepath.Join(f.lib, "*"), "-d", classes, filepath.Join(e.Jobs, "flink", "Rollup.java")),
		exec.CommandContext(ctx, filepath.Join(bin, "jar"), "cfe", f.jar, "Rollup", "-C", classes, "."),
	} {
		if said, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%s: %w\n%s", cmd, err, said)
		}
	}
	return f, nil
}

func (f *Flink) command(class string, args ...string) *exec.Cmd {
	args = slices.Concat([]string{"-Xmx768m"}, strings.Fields(f.Options), javaOptions,
		[]string{"-cp", filepath.Join(f.lib, "*"), "org.apache.flink." + class}, args)
	cmd := exec.Command(filepath.Join(f.Java, "bin", "java"), args...)
	cmd.Env = append(os.Environ(), "FLINK_CONF_DIR="+f.Dir, "FLINK_LIB_DIR="+f.lib)
	return cmd
}

// JobManager returns the command of the JobManager.
func (f *Flink) JobManager() *exec.Cmd {
	return f.command("runtime.entrypoint.StandaloneSessionClusterEntrypoint",
		"--configDir", f.Dir, "--host", "127.0.0.1", "--executionMode", "cluster")
}

// TaskManager returns the command of a TaskManager.
func (f *Flink) TaskManager() *exec.Cmd {
	return f.command("runtime.taskexecutor.TaskManagerRunner", "--configDir", f.Dir)
}

// Ready waits until the JobManager knows n TaskManagers.
func (f *Flink) Ready(ctx context.Context, n int) error {
	for {
		overview, err := f.Get("/overview")
		if err == nil && strings.Contains(string(overview), fmt.Sprintf(`"taskmanagers":%d,`, n)) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no %d TaskManagers: %s %v", n, overview, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Get asks the JobManager.
func (f *Flink) Get(path string) ([]byte, error) {
	res, err := http.Get(f.REST + path)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return io.ReadAll(res.Body)
}

// Job returns the command that runs a job on two TaskManagers.
func (f *Flink) Job(input, spans, fold, output string) *exec.Cmd {
	return f.command("client.cli.CliFrontend", "run", "-m", strings.TrimPrefix(f.REST, "http://"), "-p", "2",
		f.jar, input, output, spans, fold)
}
