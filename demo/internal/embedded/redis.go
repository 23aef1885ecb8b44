package embedded

import "github.com/alicebob/miniredis/v2"

// Redis starts an empty Redis server.
func Redis() (*Server, error) {
	s, err := miniredis.Run()
	if err != nil {
		return nil, err
	}
	return &Server{Addr: s.Addr(), stop: func() error { s.Close(); return nil }}, nil
}
