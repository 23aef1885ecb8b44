package jaegerjson

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// pauses are what lies between the attempts at a request. They are short: somebody is waiting.
var pauses = [...]time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second}

const (
	maxRetryAfter = 30 * time.Second
	never         = time.Duration(-1)
)

// retryAfter is how long a server asks not to be asked again. It is never if that is too long to wait for.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.ParseUint(h.Get("Retry-After"), 10, 63)
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange): // none, or a date
		return 0
	case seconds > uint64(maxRetryAfter/time.Second):
		return never
	}
	return time.Duration(seconds) * time.Second
}

// hopeless says that an error of the transport will be the same next time.
func hopeless(err error) bool {
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	return certificate || record
}

// sleep is false if the context ends first.
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
