package spanutil

import (
	"errors"
	"fmt"

	"github.com/gaptrace/gaptrace/internal/redact"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/opentracing/opentracing-go/log"
)

// ErrUnwound is the failure of a call that ended by a panic or runtime.Goexit.
var ErrUnwound = errors.New("panic or runtime.Goexit in the wrapped call")

// PanicError returns the failure of a served call whose handler panicked with value. The text holds
// value only if it is a string or an error. Anything else may hold secrets: it could be a request.
func PanicError(value any) error {
	switch value := value.(type) {
	case error:
		return fmt.Errorf("panic: %w", value)
	case string:
		return errors.New("panic: " + value)
	}
	return fmt.Errorf("panic with a %T", value)
}

// Fail marks the call as failed, without finishing it. The first error counts. Fail ignores a nil
// err and one that WithExpected's hook accepts.
func (c *Call) Fail(err error) {
	if c == nil || err == nil || c.expects(err) {
		return
	}
	c.mu.Lock()
	wanted := c.failure == nil && c.phase < finished && c.decided() != dropped
	c.mu.Unlock()
	if !wanted {
		return
	}
	failure := recordedFailure(err) // without the lock: an error's text may use the result it came with
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failure == nil {
		c.failure = failure
	}
}

// Failed reports whether an answer with this status is a failure: as WithFailure's hook says, or
// else byDefault. It ends the first wait before it calls the hook, which is the program's work.
func (c *Call) Failed(status int, byDefault bool) (failed bool) {
	failed = byDefault
	if c == nil || c.wrapper.Options.Failure == nil || !c.Answered(Uncounted) {
		return failed
	}
	c.runHook(func() { failed = c.wrapper.Options.Failure(c.what, status) })
	return failed
}

// runHook calls a hook after the first wait, and stops its panic. If the hook ends the goroutine,
// runHook finishes c: nobody else may do so any more.
func (c *Call) runHook(hook func()) {
	returned := false
	defer func() {
		if recover() == nil && !returned {
			c.Finish(nil)
		}
	}()
	hook()
	returned = true
}

func (c *Call) expects(err error) (expected bool) {
	if c.wrapper.Options.Expected == nil {
		return false
	}
	if r, ok := err.(redacted); ok {
		err = r.error
	}
	defer contain()
	return c.wrapper.Options.Expected(c.what, err)
}

// logFailure tags the span and logs the failure on it.
func (c *Call) logFailure() {
	if c.failure == nil {
		return
	}
	c.tagLocked(string(ext.Error), true)
	defer contain()
	c.span.LogFields(
		log.Event("error"),
		log.String("error.kind", fmt.Sprintf("%T", c.failure.error)),
		log.Message(c.failure.message),
		log.Error(c.failure),
	)
}

// errorText returns what a span may show of err: its text, truncated and redacted. It contains a
// panic of the Error method, which would end the program on a goroutine of the library.
func errorText(err error) (text string) {
	text = "an error that panics when it is asked for its text"
	defer contain()
	text = Truncate(redact.Text(err.Error()))
	return text
}

// Redacted returns an error that Fail and Finish record with the text that redact returns. Use it
// if the text of err may hold a secret. The recorded kind is err's, and WithExpected's hook gets
// err.
func Redacted(err error, redact func(text string) string) error { return redacted{err, redact} }

type redacted struct {
	error
	redact func(string) string
}

func (e redacted) Error() string { return e.redact(e.error.Error()) }

// recordedError is an error with the text it had when it happened. A tracer's reporter reads the
// text later, on another goroutine, on which the error's own Error method could race, or panic.
type recordedError struct {
	error
	message string
}

func recordedFailure(err error) *recordedError {
	r := &recordedError{err, errorText(err)}
	if redacted, ok := err.(redacted); ok {
		r.error = redacted.error
	}
	return r
}

func (e *recordedError) Error() string { return e.message }
func (e *recordedError) Unwrap() error { return e.error }
