package servers

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Kafka starts a Kafka 4.3 with one broker that is its own controller, and returns its address. A
// topic is created when it is first used, with four partitions. The jars are those of
// $GAPTRACE_KAFKA, which .ci/install-kafka installs; if it is not set, the test is skipped.
func Kafka(t testing.TB) (addr string, p *Process) {
	t.Helper()
	jars := os.Getenv("GAPTRACE_KAFKA")
	if jars == "" {
		t.Skip("skipped: GAPTRACE_KAFKA does not name the folder of jars that .ci/install-kafka has installed")
	}
	java := filepath.Join(javaHome(t), "bin", "java")
	// The arguments for Java: fewer CPU seconds to start, a small heap.
	args := []string{"-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", filepath.Join(jars, "*")}
	p, addrs := server{
		name:  "kafka",
		ports: 2,
		command: func(dir string, addr []string) (*exec.Cmd, error) {
			config := filepath.Join(dir, "server.properties")
			text := fmt.Sprintf(`process.roles=broker,controller
node.id=1
controller.quorum.voters=1@%[2]s
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://%[1]s,CONTROLLER://%[2]s
log.dirs=%[3]s
num.partitions=4
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
`, addr[0], addr[1], filepath.ToSlash(filepath.Join(dir, "data")))
			if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
				return nil, err
			}
			const cluster = "Z2FwdHJhY2UtdGVzdC1jbA" // 16 bytes in base64
			format := append(args[:len(args):len(args)], "kafka.tools.StorageTool", "format", "-t", cluster, "-c", config)
			if err := prepare(dir, exec.Command(java, format...)); err != nil {
				return nil, err
			}
			return exec.Command(java, append(args[:len(args):len(args)], "kafka.Kafka", config)...), nil
		},
		ready: func(p *Process, addr []string) error {
			if !p.logged("Kafka Server started") {
				return errNotReady
			}
			conn, err := net.DialTimeout("tcp", addr[0], time.Second)
			if err == nil {
				conn.Close()
			}
			return err
		},
	}.start(t)
	return addrs[0], p
}
