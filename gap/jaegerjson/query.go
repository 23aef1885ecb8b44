package jaegerjson

import (
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"time"
)

// Query says which traces [Client.Find] finds. Only Service is required.
type Query struct {
	Service   string
	Operation string
	Tags      map[string]string // one span of the trace must have all of them

	// Start and End bound the start of a trace's spans. A zero End means now. A zero Start means
	// Lookback before End. If both Start and Lookback are zero, Jaeger uses the last two days.
	Start, End time.Time
	Lookback   time.Duration

	MinDuration, MaxDuration time.Duration // of a span, not of the trace; zero means no bound
	Limit                    int           // most traces; zero means Jaeger's default, which is 100
}

// values returns the parameters of the query service's URL.
func (q Query) values() (url.Values, error) {
	if q.Service == "" {
		return nil, errors.New("jaegerjson: Query has no Service; Jaeger requires one")
	}
	v := url.Values{"service": {q.Service}}
	set := func(key, value string, needed bool) {
		if needed {
			v.Set(key, value)
		}
	}
	set("operation", q.Operation, q.Operation != "")
	if len(q.Tags) > 0 {
		tags, err := json.Marshal(q.Tags)
		if err != nil {
			return nil, err
		}
		v.Set("tags", string(tags))
	}
	start, end := q.Start, q.End
	if start.IsZero() && q.Lookback > 0 {
		if end.IsZero() {
			end = time.Now()
		}
		start = end.Add(-q.Lookback)
	}
	set("start", strconv.FormatInt(start.UnixMicro(), 10), !start.IsZero())
	set("end", strconv.FormatInt(end.UnixMicro(), 10), !end.IsZero())
	set("minDuration", q.MinDuration.String(), q.MinDuration > 0)
	set("maxDuration", q.MaxDuration.String(), q.MaxDuration > 0)
	set("limit", strconv.Itoa(q.Limit), q.Limit > 0)
	return v, nil
}
