package servers

import (
	"bytes"
	"cmp"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// starters are all servers that the package starts.
var starters = map[string]func(testing.TB){
	"redis":    func(t testing.TB) { Redis(t) },
	"redis6.2": func(t testing.TB) { RedisFrom(t, Redis62(t)) },
	"sentinel": func(t testing.TB) {
		binary := Redis62(t)
		master, _ := RedisFrom(t, binary)
		Sentinel(t, binary, "shop", master)
	},
	"mariadb":       func(t testing.TB) { MariaDB(t) },
	"postgresql":    func(t testing.TB) { PostgreSQL(t) },
	"elasticsearch": func(t testing.TB) { Elasticsearch(t) },
	"jaeger":        func(t testing.TB) { Jaeger(t) },
	"envoy": func(t testing.TB) {
		Envoy(t, 0, func([]string) string { return "static_resources: {}" })
	},
	"python3":  func(t testing.TB) { Python(t) },
	"node":     func(t testing.TB) { Node(t) },
	"chromium": func(t testing.TB) { Chromium(t) },
	"programs": func(t testing.TB) { ProgramDir(t) },
}

const up = "up"

// circumstances are machines on which servers start or are skipped. Each one is built in its own
// namespaces, which leaves the real machine unchanged.
var circumstances = map[string]struct {
	unshare string            // the namespaces, as options of unshare(1); "-m" if empty
	script  string            // builds the machine, then runs "$@"; $D is an empty folder
	want    map[string]string // by server: up, or a regexp for the reason why it is skipped
}{
	"the root folder is open to its group only": {
		script: newRoot("0750"),
		want:   allUp("postgresql", "elasticsearch", "redis"),
	},
	"the root folder is open to root only": {
		script: newRoot("0700"),
		want: map[string]string{
			"postgresql":    `it refuses to run as root, and the user nobody cannot enter / \(drwx------\); open that folder`,
			"elasticsearch": `it refuses to run as root, and the user nobody cannot enter /`,
			"mariadb":       up,
		},
	},
	"TMPDIR is noexec": {
		script: `mount -t tmpfs -o noexec none "$D"; exec env TMPDIR="$D" "$@"`,
		want: map[string]string{
			"elasticsearch": `permission denied \(its file system is mounted noexec\); set TMPDIR`,
			"postgresql":    up,
			"mariadb":       up,
			"programs":      "is mounted noexec; set GOTMPDIR",
		},
	},
	"TMPDIR is noexec and GOTMPDIR is not": {
		script: `mount -t tmpfs -o noexec none "$D"; mkdir "$D/go"; mount -t tmpfs none "$D/go"
			exec env TMPDIR="$D" GOTMPDIR="$D/go" "$@"`,
		want: allUp("programs"),
	},
	"TMPDIR cannot be written": {
		script: `mount -t tmpfs -o ro none "$D"; exec env TMPDIR="$D" "$@"`,
		want: map[string]string{
			"redis":         "read-only file system; set TMPDIR",
			"mariadb":       "read-only file system",
			"postgresql":    "read-only file system",
			"elasticsearch": "read-only file system",
			"jaeger":        "read-only file system",
			"envoy":         "read-only file system",
		},
	},
	"TMPDIR is full": {
		script: `mount -t tmpfs -o size=64k none "$D"; exec env TMPDIR="$D" "$@"`,
		want: map[string]string{
			"mariadb":       "out of disk space",
			"postgresql":    "(?i)no space left on device",
			"elasticsearch": "(?i)no space left on device",
		},
	},
	"TMPDIR does not exist": {
		script: `exec env TMPDIR="$D/none" "$@"`,
		want:   map[string]string{"redis": "no such file or directory; set TMPDIR"},
	},
	"TMPDIR is long": {
		script: `long="$D/$(printf %0150d 0)"; mkdir "$long"; exec env TMPDIR="$long" "$@"`,
		want:   allUp("redis", "redis6.2", "sentinel", "mariadb", "postgresql", "jaeger", "envoy"),
	},
	"TMPDIR is long and /tmp cannot be written": {
		script: `mount -t tmpfs none /mnt; long="/mnt/$(printf %0150d 0)"; mkdir "$long"; cp "$1" /mnt/test; shift
			mount -t tmpfs -o ro none /tmp; exec env TMPDIR="$long" /mnt/test "$@"`,
		want: map[string]string{
			"redis":   up,
			"mariadb": `TMPDIR \(155 bytes\) is too long for a Unix socket, or has a space; .*read-only file system; set TMPDIR`,
		},
	},
	"TMPDIR has spaces and an umlaut, and each server loses a port": {
		script: `mkdir "$D/a b  ü"; exec env TMPDIR="$D/a b  ü" GAPTRACE_TEST_TAKEN=1 "$@"`,
		want:   allUp("redis", "redis6.2", "sentinel", "mariadb", "postgresql", "elasticsearch", "jaeger", "envoy"),
	},
	"TMPDIR is closed to nobody": {
		script: `mkdir -m 0700 "$D/closed"; exec env TMPDIR="$D/closed" "$@"`,
		want: map[string]string{
			"postgresql":    `the user nobody cannot enter .*/closed \(drwx------\)`,
			"elasticsearch": "the user nobody cannot enter",
			"mariadb":       up,
		},
	},
	"there is no nobody": {
		script: `grep -v ^nobody: /etc/passwd >"$D/passwd"; mount --bind "$D/passwd" /etc/passwd
			echo passwd: files >"$D/nss"; mount --bind "$D/nss" /etc/nsswitch.conf; exec "$@"`,
		want: map[string]string{
			"postgresql":    "user: unknown user nobody; add a user nobody",
			"elasticsearch": "unknown user nobody",
			"redis":         up,
		},
	},
	"root may not give files away": {
		script: `exec setpriv --bounding-set=-chown "$@"`,
		want: map[string]string{
			"postgresql": "root may not give files to the user nobody here: .* operation not permitted; " +
				"run the tests as a user other",
			"elasticsearch": "may not give files to the user nobody",
			"mariadb":       up,
		},
	},
	"root may not become another user": {
		script: `exec setpriv --bounding-set=-setuid,-setgid "$@"`,
		want: map[string]string{
			"postgresql":    `operation not permitted \(root may not become another user here\); run the tests as`,
			"elasticsearch": "root may not become",
			"redis":         up,
		},
	},
	"root of a user namespace": {
		unshare: "-Urm",
		script:  `exec "$@"`,
		want: map[string]string{
			"postgresql":    "root may not give files to the user nobody here",
			"elasticsearch": "may not give files",
			"redis":         up,
			"mariadb":       up,
		},
	},
	"a user without a name": {
		// Other users cannot enter go test's folder, which holds this program: so it is copied.
		script: `chmod 0777 "$D"; cp "$1" "$D/test"; shift
			exec setpriv --reuid 54321 --regid 54321 --clear-groups env TMPDIR="$D" HOME=/ "$D/test" "$@"`,
		want: map[string]string{
			"postgresql": "could not look up effective user ID 54321: .*; run the tests as a user that has a name",
			"redis":      up,
		},
	},
	"there is no /dev/shm": {
		script: `mount -t tmpfs none "$D"
			for f in null zero full random urandom tty; do touch "$D/$f"; mount --bind "/dev/$f" "$D/$f"; done
			ln -s /proc/self/fd "$D/fd"; mount --rbind "$D" /dev; exec "$@"`,
		want: allUp("redis", "mariadb", "postgresql", "jaeger", "envoy"),
	},
	"few files may be open": {
		script: `ulimit -n 40; exec "$@"`,
		want: map[string]string{
			"mariadb":       `it needs \d+ open files, and may have 40; raise the limit`,
			"elasticsearch": "it needs .* open files",
			"postgresql":    "insufficient file descriptors available to start server process; raise the limit",
		},
	},
	"few files may be open until the limit is raised": {
		script: `ulimit -Sn 40; exec "$@"`,
		want:   allUp("mariadb", "postgresql", "redis"),
	},
	"a library is broken": {
		script: `lib=$(ldd "$(command -v redis-server)" | awk '/jemalloc|libssl|liblua|libsystemd/ {print $3; exit}')
			[ -n "$lib" ]
			mount --bind /dev/null "$(readlink -f "$lib")"; exec "$@"`,
		want: map[string]string{"redis": "error while loading shared libraries: .*; install the library"},
	},
	"the libraries of an interpreter are broken": {
		script: `cd "${GAPTRACE_SERVERS:-$HOME/.cache/gaptrace-servers}"
			for lib in python-peers/grpc/_cython node-peers/node_modules/jaeger-client; do
				[ ! -d "$lib" ] || mount -t tmpfs none "$(readlink -f "$lib")"
			done; exec "$@"`,
		want: map[string]string{
			"python3": "(?s)it cannot load its libraries from .*; remove that folder and install",
			"node":    "(?s)it cannot load its libraries from ",
		},
	},
	"a program is for another processor": {
		script: `printf '\177ELF\002\001\001\000\000\000\000\000\000\000\000\000\002\000\363\000' >"$D/redis"
			chmod +x "$D/redis"; exec env GAPTRACE_REDIS="$D/redis" "$@"`,
		want: map[string]string{
			"redis": "exec format error; install one that is built for this processor",
		},
	},
	"a program may not be executed": {
		script: `cp "$(command -v redis-server)" "$D/redis"; chmod a-x "$D/redis"; exec env GAPTRACE_REDIS="$D/redis" "$@"`,
		want:   map[string]string{"redis": "permission denied; make the file executable"},
	},
	"a program has no interpreter": {
		script: `echo '#!/no/such/shell' >"$D/redis"; chmod +x "$D/redis"; exec env GAPTRACE_REDIS="$D/redis" "$@"`,
		want: map[string]string{
			"redis": `no such file or directory \(its interpreter or dynamic loader is missing\)`,
		},
	},
	"low ports are root's": {
		unshare: "-mn",
		script:  `ip link set lo up; echo 32700 >/proc/sys/net/ipv4/ip_unprivileged_port_start; exec "$@"`,
		want:    allUp("postgresql", "redis6.2"),
	},
	"there is no IPv6": {
		unshare: "-mn",
		script:  `echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; ip link set lo up; exec "$@"`,
		want:    allUp("redis", "mariadb", "postgresql", "jaeger", "envoy"),
	},
	"loopback is down": {
		unshare: "-mn",
		script:  `exec "$@"`,
		want: map[string]string{
			"redis": "no free port on 127.0.0.1: .*; allow programs to listen there",
		},
	},
	"there is one CPU": {
		script: `exec taskset -c 0 env GOMAXPROCS=1 "$@"`,
		want:   allUp("redis", "mariadb", "postgresql", "jaeger", "envoy"),
	},
	"messages are German, and the time is India's": {
		// A server that loses its port is started again if its log says so in English.
		script: `localedef -i de_DE -f UTF-8 "$D/de_DE.UTF-8" || [ -d "$D/de_DE.UTF-8" ]
			exec env LOCPATH="$D" LC_ALL=de_DE.UTF-8 LANG=de_DE.UTF-8 LANGUAGE=de TZ=Asia/Kolkata GAPTRACE_TEST_TAKEN=1 "$@"`,
		want: allUp("redis", "mariadb", "postgresql"),
	},
	"there is no home": {
		script: `exec env -u HOME "$@"`,
		want:   allUp("redis", "mariadb", "postgresql", "jaeger"),
	},
	"the home does not exist": {
		script: `exec env HOME=/no/such/home "$@"`,
		want:   allUp("redis", "mariadb", "postgresql", "jaeger", "envoy", "python3", "node", "chromium"),
	},
	"files are the owner's alone": {
		script: `umask 077; exec "$@"`,
		want:   allUp("mariadb", "postgresql"),
	},
	"files are everybody's": {
		script: `umask 000; exec "$@"`,
		want:   allUp("mariadb", "postgresql"),
	},
}

// allUp is a circumstance in which these servers start.
func allUp(names ...string) map[string]string {
	want := map[string]string{}
	for _, name := range names {
		want[name] = up
	}
	return want
}

// newRoot returns a script that makes a root folder with everything in / and another mode.
func newRoot(mode string) string {
	return `mount -t tmpfs -o mode=` + mode + ` none "$D"
		for e in /*; do
			if [ -L "$e" ]; then cp -P "$e" "$D/"; elif [ -d "$e" ]; then mkdir -m 0755 "$D$e"; mount --rbind "$e" "$D$e"; fi
		done
		exec chroot "$D" sh -c 'cd "$0"; exec "$@"' "$PWD" "$@"`
}

func TestServersOnOddMachines(t *testing.T) {
	if names := os.Getenv("GAPTRACE_TEST_STARTERS"); names != "" { // this process runs in the namespaces
		startAll(strings.Fields(names))
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("skipped: only root can build machines in namespaces")
	}
	outside, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		t.Skip("skipped: no namespaces: ", err)
	}
	if said, err := exec.CommandContext(t.Context(), "unshare", "-m", "true").CombinedOutput(); err != nil {
		t.Skipf("skipped: no namespaces: %v: %s", err, said)
	}
	for name, c := range circumstances {
		t.Run(name, func(t *testing.T) {
			dir := tempDir(t, "machine", true)
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			var names []string
			for server := range c.want {
				names = append(names, server)
			}
			// If unshare failed but still ran the script, the script would change the real machine.
			const guard = `[ "$(readlink /proc/self/ns/mnt)" != "$OUTSIDE" ] || exit 100; set -e; `
			cmd := exec.CommandContext(t.Context(), "unshare", cmp.Or(c.unshare, "-m"), "sh", "-c", guard+c.script, "sh",
				os.Args[0], "-test.run=^TestServersOnOddMachines$", "-test.count=1")
			cmd.Env = append(os.Environ(), "D="+dir, "OUTSIDE="+outside,
				"GAPTRACE_TEST_STARTERS="+strings.Join(names, " "), "GAPTRACE_REQUIRE_SERVERS=")
			said, err := cmd.CombinedOutput()
			if err != nil && !bytes.Contains(said, []byte("\n== ")) {
				skip(t, "this machine cannot be made into such a one: %v: %s", err, said)
			}
			for server, want := range c.want {
				skipped := "^skipped: " + regexp.QuoteMeta(server) + " cannot run on this machine: .*" + want
				_, got, _ := bytes.Cut(said, []byte("\n== "+server+": "))
				got, _, _ = bytes.Cut(got, []byte("\n== "))
				switch {
				case bytes.HasSuffix(bytes.TrimSpace(got), []byte("see CONTRIBUTING.md")):
					skipOne(t, server, string(got))
				case want == up && string(got) != up:
					t.Errorf("%s: %s; want it up", server, got)
				case want != up && !regexp.MustCompile(skipped).Match(got):
					t.Errorf("%s: %s; want a skip: %s", server, got, want)
				}
			}
		})
	}
}

// skipOne skips a single server that is not installed. The others go on.
func skipOne(t *testing.T, server, why string) {
	t.Helper()
	if os.Getenv("GAPTRACE_REQUIRE_SERVERS") == "1" {
		t.Errorf("GAPTRACE_REQUIRE_SERVERS=1, but %s: %s", server, why)
	}
	t.Logf("%s: %s", server, why)
}

// startAll starts servers and prints how that ended.
func startAll(names []string) {
	if os.Getenv("GAPTRACE_TEST_TAKEN") != "" {
		pickAddrs = takenOnce()
	}
	for _, name := range names {
		var f fake
		f.run(func() { starters[name](&f) })
		fmt.Printf("\n== %s: %s", name, f.outcome())
	}
	fmt.Print("\n== ")
}

// takenOnce makes each server lose its first port to another process, once.
func takenOnce() func(testing.TB, string, int) []string {
	seen := map[string]bool{}
	return func(t testing.TB, name string, n int) []string {
		addrs := freeAddrs(t, name, n)
		if !seen[name] {
			seen[name] = true
			taken, err := net.Listen("tcp", addrs[0])
			if err != nil {
				t.Fatalf("%v", err)
			}
			t.Cleanup(func() { taken.Close() })
		}
		return addrs
	}
}
