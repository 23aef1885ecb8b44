package suites_test

import (
	"crypto/x509"
	"database/sql"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/internal/spantest/servers"
)

// The driver's tests that are left out, raw and wrapped.
var leftOut = []string{
	"TestConnectorReturnsTimeout", // dials an address that is not this machine's
	"TestPing",                    // asserts that a connection is the driver's own unexported type
	"TestQueryMultipleResults",    // likewise
}

// mysqlMain registers the wrapped driver, and has the tests use it.
const mysqlMain = `package mysql

import (
	"database/sql"
	"os"
	"testing"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/go-sql-driver/mysql/spans"
)

func TestMain(m *testing.M) {
	sql.Register("wrapped", gapsql.WrapDriver(&MySQLDriver{}, gaptrace.WithRoots(), gaptrace.WithTracer(spans.Tracer)))
	if spans.Wrapped {
		driverNameTest = "wrapped"
	}
	os.Exit(spans.Run(m))
}
`

func TestTheOwnTestsOfTheMySQLDriverEndAsTheyDoWithoutUs(t *testing.T) {
	cert, key := certificate(t)
	server := servers.MariaDB(t, "--performance-schema=ON", "--ssl-cert="+cert, "--ssl-key="+key)
	admin, err := sql.Open("mysql", server.DSN(""))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	for _, statement := range []string{"CREATE DATABASE gotest", "CREATE USER gotest IDENTIFIED BY 'secret'", "GRANT ALL ON *.* TO gotest"} {
		if _, err := admin.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	const driver = "github.com/go-sql-driver/mysql"
	s := newSuite(t, driver, driver)
	s.add(".", driver, "")
	s.write("main_test.go", mysqlMain)
	s.endAlike(map[string]least{"mysql": {passes: 400, spans: 1000}}, []string{
		"MYSQL_TEST_USER=gotest", "MYSQL_TEST_PASS=secret", "MYSQL_TEST_PROT=tcp", "MYSQL_TEST_ADDR=" + server.Addr,
		"MYSQL_TEST_DBNAME=gotest", "MYSQL_TEST_CONCURRENT=1",
	}, "-test.skip=^("+strings.Join(leftOut, "|")+")$")
}

// certificate writes one for a server on this machine, with its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	pair := server.TLS.Certificates[0]
	private, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", pair.Certificate[0]), write("key.pem", "PRIVATE KEY", private)
}
