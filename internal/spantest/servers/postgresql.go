package servers

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
)

// PostgreSQL starts a PostgreSQL server and returns the URL of its database "postgres", for drivers
// that parse libpq's connection strings. The user is postgres, without a password. PostgreSQL
// refuses to run as root: see [Elasticsearch].
func PostgreSQL(t testing.TB) (url string) {
	t.Helper()
	_, url = postgreSQL(t)
	return url
}

func postgreSQL(t testing.TB) (*Process, string) {
	t.Helper()
	postgres, initdb := find(t, "GAPTRACE_POSTGRES", "postgres"), find(t, "GAPTRACE_INITDB", "initdb")
	p, addrs := server{
		name:     "postgresql",
		ports:    1,
		plainDir: true,
		command: func(dir string, addr []string) (*exec.Cmd, error) {
			data := filepath.Join(dir, "data")
			initdb := exec.Command(initdb, "--pgdata="+data, "--username=postgres", "--auth=trust",
				"--encoding=UTF8", "--locale=C", "--no-sync")
			cmd := exec.Command(postgres, "-D", data, "-h", "127.0.0.1", "-p", port(addr[0]), "-k", dir, "-F")
			if err := asNobody(dir, nil, initdb, cmd); err != nil {
				return nil, err
			}
			return cmd, prepare(dir, initdb)
		},
		ready: func(p *Process, addr []string) error {
			// The socket is in our own directory, so the server is ours. It opens after the port.
			return startup("unix", filepath.Join(p.dir, ".s.PGSQL."+port(addr[0])))
		},
	}.start(t)
	return p, "postgres://postgres@" + addrs[0] + "/postgres?sslmode=disable"
}

// startup tries to log in as postgres. The server answers with an authentication request, or with
// an error while it starts.
func startup(network, addr string) error {
	answer, err := converse(network, addr, "\x00\x00\x00\x17\x00\x03\x00\x00user\x00postgres\x00\x00")
	if err == nil && (len(answer) == 0 || answer[0] != 'R') {
		err = fmt.Errorf("startup: %q", answer)
	}
	return err
}
