package embedded

import (
	"errors"

	"github.com/gaptrace/gaptrace/demo/internal/minielastic"
)

// Elasticsearch starts a search server without an index.
func Elasticsearch() (*Server, error) {
	handler := minielastic.New()
	s, err := HTTP(handler)
	if err != nil {
		return nil, err
	}
	return &Server{Addr: s.Addr, stop: func() error { return errors.Join(s.Close(), handler.Close()) }}, nil
}
