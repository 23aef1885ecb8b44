package gapes

import (
	"net/http"
	"sync"

	"github.com/gaptrace/gaptrace/internal/spanutil"
)

const (
	maxPrefix    = 64 << 10 // bytes of a body that are kept at most
	decidePrefix = 512      // bytes after which wanted decides whether to keep more
)

// bodyPrefix is the beginning of a response's body, as far as its caller has read it. Reading ahead
// could block when the unwrapped client would return. So the prefix is used when the body ends or
// becomes garbage. It must not reference the body, which would then never become garbage.
type bodyPrefix struct {
	call   *spanutil.Call
	wanted func(prefix []byte) bool                 // nil: always wanted
	use    func(call *spanutil.Call, prefix []byte) // called once, unless wanted returned false

	mu      sync.Mutex // a body may be closed while it is read
	bytes   []byte
	decided bool // wanted was called
	over    bool // used, or not wanted
}

// watchPrefix is spanutil.WatchResponse, and calls use with the beginning of the body before call
// is finished. If the body has 512 bytes or more, wanted gets those, and can decide that use is not
// called. If there is no body, watchPrefix calls use with nil at once.
func watchPrefix(
	call *spanutil.Call, res *http.Response, wanted func(prefix []byte) bool,
	use func(call *spanutil.Call, prefix []byte),
) *http.Response {
	if res.Body == nil || res.Body == http.NoBody {
		use(call, nil)
		return spanutil.WatchResponse(call, res, nil)
	}
	p := &bodyPrefix{call: call, wanted: wanted, use: use}
	return spanutil.WatchResponse(call, res, p.seen)
}

func (p *bodyPrefix) seen(read []byte, end bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return
	}
	if !p.decided && p.wanted != nil {
		if len(p.bytes) == 0 && len(read) >= decidePrefix && !p.wanted(read[:decidePrefix]) { // without a copy
			p.over = true
			return
		}
		read = p.keep(read, decidePrefix)
		if p.decided = len(p.bytes) == decidePrefix; p.decided && !p.wanted(p.bytes) {
			p.over, p.bytes = true, nil
			return
		}
	}
	p.keep(read, maxPrefix)
	if end {
		p.over = true
		p.use(p.call, p.bytes)
		p.bytes = nil
	}
}

// keep appends bytes of read until limit bytes are kept. It returns the rest.
func (p *bodyPrefix) keep(read []byte, limit int) (rest []byte) {
	n := min(len(read), limit-len(p.bytes))
	p.bytes = append(p.bytes, read[:n]...)
	return read[n:]
}
