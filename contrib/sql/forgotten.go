package gapsql

import (
	"sync"
	"time"

	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// A query whose rows are never closed is reported when they become garbage. But database/sql itself
// references the rows of a prepared statement, of a transaction, and of a context that can be
// cancelled, so those never become garbage. Therefore openQueries lists each query with open rows,
// and reports it as abandoned after ten minutes without a row. If the rows are read after all, the
// reads are recorded as a new query.
const (
	forgottenAfter = 10 * time.Minute
	checkEvery     = time.Minute
)

// openQueries lists the queries whose rows are open. A wrapper starts no goroutine, so the list is
// checked when a query is added or a caller gives up waiting for the pool, at most once a minute.
type openQueries struct {
	mu    sync.Mutex
	calls map[*spanutil.Call]progress
	next  time.Time // when to check the list again
}

// progress is the number of rows read, and the time of the first check that found this number.
type progress struct {
	rows int64
	at   time.Time
}

func (q *openQueries) add(c *spanutil.Call) {
	now := time.Now()
	q.mu.Lock()
	if q.calls == nil {
		q.calls = map[*spanutil.Call]progress{}
	}
	if len(q.calls) == 0 {
		q.next = now.Add(checkEvery)
	}
	q.calls[c] = progress{0, now}
	q.mu.Unlock()
	q.check(now)
}

func (q *openQueries) remove(c *spanutil.Call) {
	q.mu.Lock()
	delete(q.calls, c)
	q.mu.Unlock()
}

// check reports the queries of which no row was read for ten minutes. It does nothing if the last
// check was less than a minute ago.
func (q *openQueries) check(now time.Time) {
	q.mu.Lock()
	var gone []*spanutil.Call
	if len(q.calls) > 0 && !now.Before(q.next) {
		q.next = now.Add(checkEvery)
		for c, last := range q.calls {
			switch rows := c.Amount(); {
			case rows != last.rows || c.Waiting():
				q.calls[c] = progress{rows, now}
			case now.Sub(last.at) >= forgottenAfter:
				gone = append(gone, c)
			}
		}
	}
	q.mu.Unlock()
	q.abandon(gone)
}

// close reports all listed queries, except those that a goroutine waits for. It is called when the
// database is closed.
func (q *openQueries) close() {
	q.mu.Lock()
	var gone []*spanutil.Call
	for c := range q.calls {
		gone = append(gone, c)
	}
	q.mu.Unlock()
	q.abandon(gone)
}

// abandon reports calls as abandoned. Call it without the lock: a user's hook may use the database,
// or end the goroutine.
func (q *openQueries) abandon(calls []*spanutil.Call) {
	if len(calls) == 0 {
		return
	}
	defer q.abandon(calls[1:]) // also if a hook calls Goexit
	if calls[0].Abandon() {
		q.remove(calls[0])
	}
}
