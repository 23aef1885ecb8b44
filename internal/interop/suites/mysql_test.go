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

	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	_ "github.com/go-sql-driver/mysql" // creates the database of the tests
)

// skippedMySQLTests are skipped raw and wrapped.
var skippedMySQLTests = []string{
	"TestConnectorReturnsTimeout", // dials an address outside of this machine
	"TestPing",                    // asserts the driver's unexported type of connection
	"TestQueryMultipleResults",    // likewise
}

// mysqlMain makes the copied tests use the wrapped driver.
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

func TestMySQLDriverSuite(t *testing.T) {
	cert, key := writeCertificate(t)
	server := servers.MariaDB(t, "--performance-schema=ON", "--ssl-cert="+cert, "--ssl-key="+key)
	admin := spantest.Must(sql.Open("mysql", server.DSN("")))(t)
	defer admin.Close()
	spantest.Must(admin.Exec("CREATE DATABASE gotest"))(t)
	spantest.Must(admin.Exec("CREATE USER gotest IDENTIFIED BY 'secret'"))(t)
	spantest.Must(admin.Exec("GRANT ALL ON *.* TO gotest"))(t)
	const driver = "github.com/go-sql-driver/mysql"
	s := newSuite(t, driver, driver)
	s.copyPackage(".", driver, "")
	s.write("main_test.go", mysqlMain)
	s.wantSameResults(map[string]minimum{"mysql": {passes: 400, spans: 1000}}, []string{
		"MYSQL_TEST_USER=gotest", "MYSQL_TEST_PASS=secret", "MYSQL_TEST_PROT=tcp", "MYSQL_TEST_ADDR=" + server.Addr,
		"MYSQL_TEST_DBNAME=gotest", "MYSQL_TEST_CONCURRENT=1",
	}, "-test.skip=^("+strings.Join(skippedMySQLTests, "|")+")$")
}

// writeCertificate writes the certificate and the key of a TLS server at 127.0.0.1 to files.
func writeCertificate(t *testing.T) (cert, key string) {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	pair := server.TLS.Certificates[0]
	private := spantest.Must(x509.MarshalPKCS8PrivateKey(pair.PrivateKey))(t)
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", pair.Certificate[0]), write("key.pem", "PRIVATE KEY", private)
}
