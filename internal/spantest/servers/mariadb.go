package servers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// MySQLServer is a MariaDB server without users' databases. Its user is root, without a password.
type MySQLServer struct {
	*Process
	Addr   string // 127.0.0.1:port
	Socket string // the path of its Unix socket
}

// DSN returns a data source name for go-sql-driver/mysql. dbname may be empty. Parameters can be
// appended: "?parseTime=true".
func (s MySQLServer) DSN(dbname string) string { return "root@tcp(" + s.Addr + ")/" + dbname }

// MariaDB starts a MariaDB server (mariadbd and mariadb-install-db). More arguments, such as
// "--performance-schema=ON", are added to its command line.
func MariaDB(t testing.TB, args ...string) MySQLServer {
	t.Helper()
	mariadbd := find(t, "GAPTRACE_MARIADB", "mariadbd")
	installDB := find(t, "GAPTRACE_MARIADB_INSTALL_DB", "mariadb-install-db")
	var user []string
	if os.Geteuid() == 0 {
		user = []string{"--user=root"} // which MariaDB demands of root
	}
	socket := func(dir string) string { return filepath.Join(dir, "sock") }
	p, addrs := server{
		name:     "mariadb",
		ports:    1,
		files:    256,
		plainDir: true,
		command: func(dir string, addr []string) (*exec.Cmd, error) {
			data := filepath.Join(dir, "data")
			install := exec.Command(installDB, append([]string{
				"--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db",
				"--datadir=" + data, "--tmpdir=" + dir,
			}, user...)...)
			if err := prepare(dir, install); err != nil {
				return nil, err
			}
			all := append([]string{
				// Its own tmpdir: a server that starts removes the temporary tables there.
				"--no-defaults", "--datadir=" + data, "--tmpdir=" + dir,
				"--socket=" + socket(dir), "--pid-file=" + filepath.Join(dir, "pid"),
				"--port=" + port(addr[0]), "--bind-address=127.0.0.1", "--skip-networking=0", "--skip-name-resolve",
				"--innodb-buffer-pool-size=64M", "--innodb-log-file-size=8M", "--innodb-flush-log-at-trx-commit=0",
				"--local-infile=1", "--max-allowed-packet=64M",
			}, user...)
			return exec.Command(mariadbd, append(all, args...)...), nil
		},
		ready: func(p *Process, addr []string) error {
			// The socket is in our own directory, so the server is ours. It opens after the port.
			if err := greeting("unix", socket(p.dir)); err != nil {
				return err
			}
			return greeting("tcp", addr[0])
		},
	}.start(t)
	return MySQLServer{Process: p, Addr: addrs[0], Socket: socket(p.dir)}
}

// greeting checks the first packet of a MySQL server: number 0, with protocol version 10.
func greeting(network, addr string) error {
	answer, err := converse(network, addr, "")
	if err != nil {
		return err
	}
	if len(answer) < 5 || answer[3] != 0 || answer[4] != 10 {
		return fmt.Errorf("greeting: %q", answer)
	}
	return nil
}
