package sql

import (
	"sync"
	"time"

	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// Rows that nobody closes are reported when they are garbage. But database/sql itself holds the
// rows of a prepared statement, of a transaction and of a context that can be cancelled, whether
// the program has forgotten them or not. So each query with open rows is listed, and reported as
// abandoned after ten minutes without a row. A wrapper starts no goroutine: the list is looked at
// when a query joins it. Rows that are read after all are recorded anew.
const (
	forgotten = 10 * time.Minute
	lookEvery = time.Minute
)

// unread lists the queries whose rows are open.
type unread struct {
	mu    sync.Mutex
	calls map[*spanutil.Call]progress
	next  time.Time // when to look at the list again
}

// progress is how many rows had been read at a look, and the first look that found as many.
type progress struct {
	rows int64
	at   time.Time
}

func (u *unread) add(c *spanutil.Call) {
	now := time.Now()
	u.mu.Lock()
	if u.calls == nil {
		u.calls = map[*spanutil.Call]progress{}
	}
	if len(u.calls) == 0 {
		u.next = now.Add(lookEvery)
	}
	u.calls[c] = progress{0, now}
	u.mu.Unlock()
	u.look(now)
}

func (u *unread) remove(c *spanutil.Call) {
	u.mu.Lock()
	delete(u.calls, c)
	u.mu.Unlock()
}

// look reports the queries that have been forgotten by now.
func (u *unread) look(now time.Time) {
	u.mu.Lock()
	var gone []*spanutil.Call
	if len(u.calls) > 0 && !now.Before(u.next) {
		u.next = now.Add(lookEvery)
		for c, last := range u.calls {
			switch rows := c.Amount(); {
			case rows != last.rows || c.Waiting():
				u.calls[c] = progress{rows, now}
			case now.Sub(last.at) >= forgotten:
				gone = append(gone, c)
			}
		}
	}
	u.mu.Unlock()
	u.abandon(gone)
}

// close reports all that nobody waits for: the program has closed its database.
func (u *unread) close() {
	u.mu.Lock()
	var gone []*spanutil.Call
	for c := range u.calls {
		gone = append(gone, c)
	}
	u.mu.Unlock()
	u.abandon(gone)
}

// abandon is called without the list's lock, since a hook of the user's may end the goroutine or
// use the database.
func (u *unread) abandon(calls []*spanutil.Call) {
	if len(calls) == 0 {
		return
	}
	defer u.abandon(calls[1:]) // whatever a hook does
	if calls[0].Abandon() {
		u.remove(calls[0])
	}
}
