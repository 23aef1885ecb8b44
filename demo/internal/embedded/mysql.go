package embedded

import (
	"context"
	"errors"
	"io"

	sqle "github.com/dolthub/go-mysql-server"
	"github.com/dolthub/go-mysql-server/memory"
	"github.com/dolthub/go-mysql-server/server"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/sirupsen/logrus"
)

// MySQL starts a MySQL server without a database. Its user is root, without a password.
func MySQL() (*Server, error) {
	// The server logs starts, failed queries and closed connections to logrus's global logger.
	logrus.SetOutput(io.Discard)

	l, err := listen()
	if err != nil {
		return nil, err
	}
	databases := memory.NewDBProvider()
	engine := sqle.NewDefault(databases)
	s, err := server.NewServer(server.Config{Protocol: "tcp", Address: l.Addr().String(), Listener: l},
		engine, sql.NewContext, memory.NewSessionBuilder(databases), nil)
	if err != nil {
		_ = l.Close()
		return nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Start() // returns nil when the listener is closed
	}()
	return &Server{Addr: l.Addr().String(), stop: func() error {
		_ = s.Close() // always nil
		<-done
		if err := engine.Close(); !errors.Is(err, context.Canceled) { // the normal end of its goroutines
			return err
		}
		return nil
	}}, nil
}
