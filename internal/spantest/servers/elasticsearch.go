package servers

import (
	"fmt"
	"io/fs"
	neturl "net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Elasticsearch starts a single node without security, with a heap of 512 MB, and returns its base
// URL. That takes about 10 s and 750 MB, so start one per test function and use it in all subtests.
// The distribution is that for integration tests: GET / returns 405, and there is no reindex, no
// ES|QL and no painless.
//
// Elasticsearch refuses to run as root. If the tests run as root, it runs as the user nobody, who
// must be able to enter os.TempDir.
func Elasticsearch(t testing.TB) (url string) {
	t.Helper()
	url, _ = ElasticsearchProcess(t)
	return url
}

// ElasticsearchProcess is Elasticsearch for a test that kills its server.
func ElasticsearchProcess(t testing.TB) (url string, p *Process) {
	t.Helper()
	return startElasticsearch(t, nil)
}

// ElasticsearchSecured is Elasticsearch with security on. The user is a superuser. The URL has no
// userinfo.
func ElasticsearchSecured(t testing.TB, user, password string) (url string) {
	t.Helper()
	url, _ = startElasticsearch(t, neturl.UserPassword(user, password))
	return url
}

// startElasticsearch turns security on if user is not nil.
func startElasticsearch(t testing.TB, user *neturl.Userinfo) (url string, p *Process) {
	t.Helper()
	dist := elasticsearchHome(t)
	java := javaHome(t)
	p, addrs := server{
		name:  "elasticsearch",
		ports: 2,
		files: 1024,
		command: func(dir string, addr []string) (*exec.Cmd, error) {
			// A copy (100 MB): Elasticsearch writes into its own directory, and the user nobody cannot
			// read root's home.
			home := filepath.Join(dir, "home")
			if err := os.CopyFS(home, os.DirFS(dist)); err != nil {
				return nil, err
			}
			tmp := filepath.Join(dir, "tmp")
			if err := os.Mkdir(tmp, 0o700); err != nil {
				return nil, err
			}
			conf := filepath.Join(home, "config")
			err := os.WriteFile(filepath.Join(conf, "elasticsearch.yml"), config(dir, addr, user != nil), 0o600)
			if err != nil {
				return nil, err
			}
			environ := append(os.Environ(), "ES_JAVA_HOME="+java, "ES_TMPDIR="+tmp, "HOME="+dir, "ES_PATH_CONF="+conf)
			if user != nil {
				password, _ := user.Password()
				add := exec.Command(filepath.Join(home, "bin", "elasticsearch-users"),
					"useradd", user.Username(), "-p", password, "-r", "superuser")
				add.Env = environ
				if err := prepare(dir, add); err != nil {
					return nil, err
				}
			}
			cmd := exec.Command(filepath.Join(home, "bin", "elasticsearch"))
			cmd.Env = append(environ, "ES_JAVA_OPTS=-Xms512m -Xmx512m")
			return cmd, asNobody(dir, []string{filepath.Join(java, "bin", "java")}, cmd)
		},
		ready: func(p *Process, addr []string) error {
			health, err := get((&neturl.URL{
				Scheme: "http", User: user, Host: addr[0],
				Path: "/_cluster/health", RawQuery: "wait_for_status=yellow&timeout=1s",
			}).String())
			if err == nil && !strings.Contains(health, clusterName(p.dir)) {
				err = fmt.Errorf("another cluster: %s", health)
			}
			return err
		},
	}.start(t)
	return "http://" + addrs[0], p
}

// config returns the configuration of a node that listens only on 127.0.0.1. It turns the disk
// thresholds off, which make indices read-only if the disk is nearly full.
func config(dir string, addr []string, secured bool) []byte {
	return fmt.Appendf(nil, `cluster.name: %s
discovery.type: single-node
network.host: 127.0.0.1
http.port: %s
transport.port: %s
xpack.security.enabled: %t
xpack.security.http.ssl.enabled: false
xpack.security.transport.ssl.enabled: false
cluster.routing.allocation.disk.threshold_enabled: false
`, clusterName(dir), port(addr[0]), port(addr[1]), secured)
}

// clusterName is unique, so that an answer shows whose cluster it is.
func clusterName(dir string) string { return filepath.Base(dir) }

// elasticsearchHome returns the directory of the unpacked distribution.
func elasticsearchHome(t testing.TB) string {
	t.Helper()
	home := os.Getenv("GAPTRACE_ELASTICSEARCH_HOME")
	if home == "" {
		home = installed("elasticsearch")
	}
	home, err := filepath.EvalSymlinks(home)
	if err == nil {
		_, err = os.Stat(filepath.Join(home, "bin", "elasticsearch"))
	}
	if err != nil {
		missing(t, "no Elasticsearch in $GAPTRACE_ELASTICSEARCH_HOME or %s: %v", installed("elasticsearch"), err)
	}
	return home
}

// javaHome returns the directory of a Java runtime: that of ES_JAVA_HOME, that of
// .ci/install-servers (17, which is old enough for Elasticsearch 8), or that on PATH.
func javaHome(t testing.TB) string {
	t.Helper()
	home := os.Getenv("ES_JAVA_HOME")
	if home == "" {
		home = installed("java")
	}
	// The link is resolved here, since the user nobody may not be able to follow it.
	if home, err := filepath.EvalSymlinks(home); err == nil {
		return home
	}
	path, err := exec.LookPath("java")
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		missing(t, "no Java for Elasticsearch in $ES_JAVA_HOME, %s or on PATH", installed("java"))
	}
	return filepath.Dir(filepath.Dir(path))
}

// asNobody makes cmds run as the user nobody if the tests run as root, which some servers refuse.
// That user becomes the owner of dir with all its files, and a member of the groups that are needed
// to reach dir, the commands and files.
func asNobody(dir string, files []string, cmds ...*exec.Cmd) error {
	if os.Geteuid() != 0 {
		return nil
	}
	uid, gid, err := nobody()
	if err != nil {
		cause := "it refuses to run as root, and there is no user nobody: " + err.Error()
		return &unfit{cause, "add a user nobody, or " + notRoot}
	}
	err = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(uid), int(gid))
	})
	if err != nil {
		cause := "it refuses to run as root, and root may not give files to the user nobody here: " + err.Error()
		return &unfit{cause, notRoot}
	}
	files = append(files, dir)
	for _, cmd := range cmds {
		files = append(files, cmd.Path)
	}
	groups, err := way(uid, gid, files...)
	for _, cmd := range cmds {
		runAs(cmd, uid, gid, groups)
	}
	return err
}

// nobody returns the ids of the user nobody.
func nobody() (uid, gid uint32, err error) {
	u, err := user.Lookup("nobody")
	if err != nil {
		return 0, 0, err
	}
	id, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return 0, 0, err
	}
	group, err := strconv.ParseUint(u.Gid, 10, 32)
	return uint32(id), uint32(group), err
}
