package peer

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"github.com/ngrok/sqlmw"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
)

// sqlMW is a toolkit for instrumentation. Its interceptor is the one in its documentation: a span
// around each call that has a context.
func sqlMW() Peer {
	return Peer{
		Name:    "sqlmw",
		Modules: []string{"github.com/ngrok/sqlmw"},
		API:     OpenTracing,
		Open:    openTracing,
		SQL: func(c driver.Connector) *sql.DB {
			return openDB(sqlmw.Driver(asDriver{c}, spans{}))
		},
	}
}

type spans struct{ sqlmw.NullInterceptor }

func (spans) span(ctx context.Context, operation, statement string) (end func(error)) {
	if opentracing.SpanFromContext(ctx) == nil {
		return func(error) {}
	}
	span, _ := opentracing.StartSpanFromContext(ctx, operation, ext.SpanKindRPCClient)
	ext.DBType.Set(span, "sql")
	if statement != "" {
		ext.DBStatement.Set(span, statement)
	}
	return func(err error) {
		if err != nil && !errors.Is(err, driver.ErrSkip) {
			ext.LogError(span, err)
		}
		span.Finish()
	}
}

func (s spans) ConnectorConnect(ctx context.Context, c driver.Connector) (driver.Conn, error) {
	end := s.span(ctx, "connect", "")
	conn, err := c.Connect(ctx)
	end(err)
	return conn, err
}

func (s spans) ConnBeginTx(
	ctx context.Context, c driver.ConnBeginTx, o driver.TxOptions,
) (context.Context, driver.Tx, error) {
	end := s.span(ctx, "begin", "")
	tx, err := c.BeginTx(ctx, o)
	end(err)
	return ctx, tx, err
}

func (s spans) ConnPrepareContext(
	ctx context.Context, c driver.ConnPrepareContext, query string,
) (context.Context, driver.Stmt, error) {
	end := s.span(ctx, "prepare", query)
	stmt, err := c.PrepareContext(ctx, query)
	end(err)
	return ctx, stmt, err
}

func (s spans) ConnExecContext(
	ctx context.Context, c driver.ExecerContext, query string, args []driver.NamedValue,
) (driver.Result, error) {
	end := s.span(ctx, "exec", query)
	result, err := c.ExecContext(ctx, query, args)
	end(err)
	return result, err
}

func (s spans) ConnQueryContext(
	ctx context.Context, c driver.QueryerContext, query string, args []driver.NamedValue,
) (context.Context, driver.Rows, error) {
	end := s.span(ctx, "query", query)
	rows, err := c.QueryContext(ctx, query, args)
	end(err)
	return ctx, rows, err
}

func (s spans) StmtExecContext(
	ctx context.Context, stmt driver.StmtExecContext, query string, args []driver.NamedValue,
) (driver.Result, error) {
	end := s.span(ctx, "exec", query)
	result, err := stmt.ExecContext(ctx, args)
	end(err)
	return result, err
}

func (s spans) StmtQueryContext(
	ctx context.Context, stmt driver.StmtQueryContext, query string, args []driver.NamedValue,
) (context.Context, driver.Rows, error) {
	end := s.span(ctx, "query", query)
	rows, err := stmt.QueryContext(ctx, args)
	end(err)
	return ctx, rows, err
}

// TxCommit and TxRollback get the context that BeginTx had.

func (s spans) TxCommit(ctx context.Context, tx driver.Tx) error {
	end := s.span(ctx, "commit", "")
	err := tx.Commit()
	end(err)
	return err
}

func (s spans) TxRollback(ctx context.Context, tx driver.Tx) error {
	end := s.span(ctx, "rollback", "")
	err := tx.Rollback()
	end(err)
	return err
}
