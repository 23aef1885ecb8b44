package httpget

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// pauses are the least waits before retries. They are short, since a person is waiting.
var pauses = [...]time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second}

const (
	maxRetryAfter = 30 * time.Second
	never         = time.Duration(-1) // do not retry
)

// retryAfter returns the wait that the server asks for, or never if that is longer than
// maxRetryAfter.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.ParseUint(h.Get("Retry-After"), 10, 63)
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange): // it is missing, or a date
		return 0
	case seconds > uint64(maxRetryAfter/time.Second):
		return never
	}
	return time.Duration(seconds) * time.Second
}

// isPermanent reports whether a retry would fail with the same error.
func isPermanent(err error) bool {
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	return certificate || record
}

// sleep returns false if the context ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
