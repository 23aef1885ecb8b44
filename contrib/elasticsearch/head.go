package gapes

import (
	"net/http"
	"sync"

	"github.com/gaptrace/gaptrace/internal/spanutil"
)

const (
	enoughToTell   = 64 << 10 // of a body this much is kept, at most
	enoughToDecide = 512      // and if this much holds out no promise, no more
)

// head is the beginning of an answer's body, as far as its caller has read it. Reading ahead could block where the raw
// call returns. So what the body says is told when it ends, or when the collector finds it. It does not lead to the body,
// so that it can outlive it.
type head struct {
	promising func(head []byte) bool // nil: every one is
	tell      func(head []byte)      // once

	mu      sync.Mutex // a body may be closed while it is read
	read    []byte
	decided bool
	over    bool // told, or given up
}

// lookingOn is spanutil.WatchResponse that also calls tell with the beginning of the body before call is
// finished. If there is no body, it calls tell with nil at once.
func lookingOn(call *spanutil.Call, res *http.Response, promising func(head []byte) bool, tell func(head []byte)) *http.Response {
	if res.Body == nil || res.Body == http.NoBody {
		tell(nil)
		return spanutil.WatchResponse(call, res, nil)
	}
	h := &head{promising: promising, tell: tell}
	return spanutil.WatchResponse(call, res, h.seen)
}

func (h *head) seen(read []byte, end bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		return
	}
	if !h.decided && h.promising != nil {
		if len(h.read) == 0 && len(read) >= enoughToDecide && !h.promising(read[:enoughToDecide]) { // nothing to keep
			h.over = true
			return
		}
		read = h.keep(read, enoughToDecide)
		if h.decided = len(h.read) == enoughToDecide; h.decided && !h.promising(h.read) {
			h.over, h.read = true, nil
		}
	}
	h.keep(read, enoughToTell)
	if end {
		h.tellOnce()
	}
}

// keep keeps what fits of read, and returns the rest.
func (h *head) keep(read []byte, limit int) (rest []byte) {
	n := 0
	if !h.over {
		n = min(len(read), limit-len(h.read))
		h.read = append(h.read, read[:n]...)
	}
	return read[n:]
}

func (h *head) tellOnce() {
	if !h.over {
		h.over = true
		h.tell(h.read)
		h.read = nil
	}
}
