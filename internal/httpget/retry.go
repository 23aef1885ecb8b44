package httpget

import (
	"context"
	"crypto/tls"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"
)

var defaultPauses = []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second}

const (
	maxRetryAfter = 30 * time.Second
	never         = time.Duration(-1) // do not retry
)

// retryAfter returns the wait that the server asks for: a number of seconds, or until a date.
func retryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	if date, err := http.ParseTime(value); err == nil {
		return max(0, time.Until(date).Round(time.Second))
	}
	seconds, err := strconv.ParseUint(value, 10, 63)
	if err != nil && !errors.Is(err, strconv.ErrRange) { // it is missing, or malformed
		return 0
	}
	return time.Duration(min(seconds, math.MaxInt64/uint64(time.Second))) * time.Second
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
