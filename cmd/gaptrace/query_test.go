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
	const cause = "not finished within --timeout 1s"
	ctx, cancel := context.WithDeadlineCause(t.Context(), time.Now().Add(-1), errors.New(cause))
	defer cancel()
	for err, want := range map[error]string{
		context.DeadlineExceeded: "context deadline exceeded: " + cause,
		fmt.Errorf("byte 16: %w", &net.OpError{Op: "read", Err: net.ErrClosed}): "byte 16: read: " +
			"use of closed network connection: " + cause,
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
	text := got.Error()
	if strings.Contains(text, "s3cret") || !strings.Contains(text, "no [redacted]") || !errors.Is(got, net.ErrClosed) {
		t.Error(got)
	}
	if other := errors.New("none"); redactHeaders(headers, other) != other || redactHeaders(headers, nil) != nil {
		t.Error("another error has changed")
	}
}
