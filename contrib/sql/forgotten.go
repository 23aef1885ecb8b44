package gapsql

import (
	"sync"
	"time"

	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// Rows that are never closed are reported when they become garbage. But database/sql itself
// references the rows of a prepared statement, of a transaction, and of a context that can be
// cancelled, so those never become garbage. Therefore each query with open rows is listed here, and
// reported as abandoned after ten minutes without a row. A wrapper starts no goroutine, so the list
// is checked when a query is added, at most once a minute. If rows are read after that, the reads
// are recorded as a new query.
const (
	forgotten = 10 * time.Minute
	lookEvery = time.Minute
)

// unread lists the queries whose rows are open.
type unread struct {
	mu    sync.Mutex
	calls map[*spanutil.Call]progress
	next  time.Time // when to check the list again
}

// progress is the number of rows read, and the time of the first check that found this number.
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

// look reports the queries of which no row was read for ten minutes. It does nothing if the last
// check was less than a minute ago.
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

// close reports all listed queries that nobody waits for. It is called when the database is closed.
func (u *unread) close() {
	u.mu.Lock()
	var gone []*spanutil.Call
	for c := range u.calls {
		gone = append(gone, c)
	}
	u.mu.Unlock()
	u.abandon(gone)
}

// abandon reports calls. It must be called without the lock: a user's hook may use the database, or
// end the goroutine.
func (u *unread) abandon(calls []*spanutil.Call) {
	if len(calls) == 0 {
		return
	}
	defer u.abandon(calls[1:]) // also if a hook calls Goexit
	if calls[0].Abandon() {
		u.remove(calls[0])
	}
}
