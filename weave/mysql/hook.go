//go:build gaptrace_woven

package mysql

import (
	"database/sql/driver"

	gapmysql "github.com/gaptrace/gaptrace/contrib/sql/mysql"
	"github.com/gaptrace/gaptrace/internal/options"
	"github.com/gaptrace/gaptrace/weave/sql"
	"github.com/go-sql-driver/mysql"
)

func init() {
	sql.Opened = func(c driver.Connector, dataSourceName string) driver.Connector {
		if _, ok := c.Driver().(*mysql.MySQLDriver); !ok {
			return nil
		}
		cfg, err := mysql.ParseDSN(dataSourceName)
		if err != nil {
			return nil
		}
		named, err := gapmysql.NewConnector(cfg, options.Woven)
		if err != nil {
			return nil
		}
		return named
	}
}
