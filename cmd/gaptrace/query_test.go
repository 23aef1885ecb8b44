package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/cmd/gaptrace/internal/query"
)

func TestTimeoutIsNamed(t *testing.T) {
	ctx, cancel := context.WithDeadlineCause(t.Context(), time.Now().Add(-1), errors.New("not finished within --timeout 1s"))
	defer cancel()
	for err, want := range map[error]string{
		context.DeadlineExceeded: "context deadline exceeded: not finished within --timeout 1s",
		fmt.Errorf("byte 16: %w", &net.OpError{Op: "read", Err: net.ErrClosed}): "byte 16: read: use of closed network connection: " +
			"not finished within --timeout 1s",
		errors.New("malformed"): "malformed",
	} {
		if got := withCause(ctx, err); got.Error() != want || !errors.Is(got, err) {
			t.Errorf("%v, want %s", got, want)
		}
		if got := withCause(t.Context(), err); got != err {
			t.Errorf("without a timeout: %v", got)
		}
	}
	if err := withCause(ctx, nil); err != nil {
		t.Error(err)
	}
}

func TestErrorsRepeatNoHeader(t *testing.T) {
	h, err := query.ParseHeader("Authorization: Bearer s3cret-token")
	if err != nil {
		t.Fatal(err)
	}
	headers := []query.Header{h}
	cause := fmt.Errorf("x is text that begins with %q: %w", "no s3cret-token", net.ErrClosed)
	got := redactHeaders(headers, cause)
	if strings.Contains(got.Error(), "s3cret") || !strings.Contains(got.Error(), "no [redacted]") || !errors.Is(got, net.ErrClosed) {
		t.Error(got)
	}
	if other := errors.New("none"); redactHeaders(headers, other) != other || redactHeaders(headers, nil) != nil {
		t.Error("another error has changed")
	}
}
