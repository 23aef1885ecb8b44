package main

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/bench/internal/peer"
)

// countingPool counts the calls through it.
type countingPool struct {
	peer.Querier
	calls *int
}

func (p countingPool) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	*p.calls++
	return p.Querier.ExecContext(ctx, query, args...)
}

func (p countingPool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	*p.calls++
	return p.Querier.QueryContext(ctx, query, args...)
}

func TestWrapDBCasesUseWrapDB(t *testing.T) {
	asked := map[string]int{}
	for _, c := range sqlCases() {
		ours, calls := named(ourName), 0
		pool := ours.Pool
		ours.Pool = func(db *sql.DB) peer.Querier { return countingPool{pool(db), &calls} }
		recorded(c, c.wrappedBy(ours))
		asked[c.Name] = calls
	}
	want := map[string]int{}
	for _, c := range sqlCases() {
		want[c.Name] = 0
		if strings.HasSuffix(c.Name, ", WrapDB") {
			want[c.Name] = 1
		}
	}
	if !maps.Equal(asked, want) {
		t.Errorf("calls through WrapDB: %v, want %v", asked, want)
	}
}

func TestWrapDBContenders(t *testing.T) {
	tracers := inMemory()
	defer tracers.close()
	for _, c := range sqlCases() {
		if !strings.HasSuffix(c.Name, ", WrapDB") {
			continue
		}
		m := open(c, tracers, peer.All())
		for _, client := range m.clients {
			client.close()
		}
		var contenders []string
		for _, cell := range m.cells {
			if cell.contender != timedName {
				contenders = append(contenders, cell.contender)
			}
		}
		slices.Sort(contenders)
		if got := fmt.Sprint(slices.Compact(contenders)); got != "[by hand gaptrace raw]" {
			t.Errorf("%s: %s", c.title(), got)
		}
	}
}
