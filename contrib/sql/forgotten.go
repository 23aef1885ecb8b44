package gapsql

import (
	"sync"
	"time"

	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// A query whose rows are never closed is reported when they become garbage. But database/sql itself
// references the rows of a prepared statement, of a transaction, and of a context that can be
// cancelled, so those never become garbage. Therefore a query is also reported as abandoned after
// ten minutes without a row. If the rows are read after all, the reads are recorded as a new query.
const (
	forgottenAfter = 10 * time.Minute
	checkEvery     = time.Minute
)

// forgotten finds the queries whose rows are open and not read. A wrapper starts no goroutine, so
// they are searched when a query begins or a caller gives up waiting for the pool, at most once a
// minute.
type forgotten struct {
	mu   sync.Mutex
	last map[*spanutil.Call]progress // of the queries that were open at the last check
	next time.Time                   // when to check again
}

// progress is the number of rows read, and the time of the first check that found this number.
type progress struct {
	rows int64
	at   time.Time
}

// abandonForgotten reports the queries of which no row was read for ten minutes. It does nothing if
// the last check was less than a minute ago.
func (db *database) abandonForgotten(now time.Time) {
	abandon(db.forgotten.check(now, db.wrapper))
}

func (f *forgotten) check(now time.Time, w *spanutil.Wrapper) (gone []*spanutil.Call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Before(f.next) {
		return nil
	}
	f.next = now.Add(checkEvery)
	open := map[*spanutil.Call]progress{}
	for _, c := range w.Unfinished() {
		last, known := f.last[c]
		if !known {
			last.at = c.Started()
		}
		switch rows := c.Amount(); {
		case rows != last.rows || c.Waiting():
			open[c] = progress{rows, now}
		case now.Sub(last.at) >= forgottenAfter:
			gone = append(gone, c)
		default:
			open[c] = last
		}
	}
	f.last = open
	return gone
}

// abandon reports calls as abandoned, one by one, except those that a goroutine waits for. Call it
// without a lock, since a user's hook may use the database. A hook may also end its goroutine, so
// it does not get the caller's.
func abandon(calls []*spanutil.Call) {
	for _, c := range calls {
		var report sync.WaitGroup
		report.Go(func() { c.Abandon() })
		report.Wait()
	}
}
