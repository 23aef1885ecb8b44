package gapes

import (
	"net/http"
	"sync"

	"github.com/gaptrace/gaptrace/internal/spanutil"
)

const (
	maxPrefix = 64 << 10 // bytes of a body that are kept
	minPrefix = 512      // bytes after which it is decided whether to keep more
)

// bodyPrefix is the beginning of a response's body, as far as its caller has read it. Reading ahead
// could block where the unwrapped client returns. So the prefix is used when the body ends or is
// garbage-collected. It does not reference the body, which would keep the body from being
// collected.
type bodyPrefix struct {
	keeps func(prefix []byte) bool // nil: always
	use   func(prefix []byte)      // called once

	mu      sync.Mutex // a body may be closed while it is read
	bytes   []byte
	decided bool // keeps has been asked
	over    bool // used, or not kept
}

// watchPrefix is spanutil.WatchResponse. It also calls use with the beginning of the body, before
// call is finished. If there is no body, it calls use with nil at once.
func watchPrefix(
	call *spanutil.Call, res *http.Response, keeps func(prefix []byte) bool, use func(prefix []byte),
) *http.Response {
	if res.Body == nil || res.Body == http.NoBody {
		use(nil)
		return spanutil.WatchResponse(call, res, nil)
	}
	p := &bodyPrefix{keeps: keeps, use: use}
	return spanutil.WatchResponse(call, res, p.seen)
}

func (p *bodyPrefix) seen(read []byte, end bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return
	}
	if !p.decided && p.keeps != nil {
		if len(p.bytes) == 0 && len(read) >= minPrefix && !p.keeps(read[:minPrefix]) { // nothing to copy
			p.over = true
			return
		}
		read = p.keep(read, minPrefix)
		if p.decided = len(p.bytes) == minPrefix; p.decided && !p.keeps(p.bytes) {
			p.over, p.bytes = true, nil
			return
		}
	}
	p.keep(read, maxPrefix)
	if end {
		p.over = true
		p.use(p.bytes)
		p.bytes = nil
	}
}

// keep appends what fits of read, and returns the rest.
func (p *bodyPrefix) keep(read []byte, limit int) (rest []byte) {
	n := min(len(read), limit-len(p.bytes))
	p.bytes = append(p.bytes, read[:n]...)
	return read[n:]
}
