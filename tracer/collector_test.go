package tracer

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/uber/jaeger-client-go"
)

const all = 300 // spans

// answerTests are answers of a collector, and what becomes of 300 spans.
type answerTests map[string]struct {
	answer           script
	failed, tooLarge int64
	err              string
	requests         int // at most
}

func (tests answerTests) run(t *testing.T) {
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := &scripted{answer: test.answer}
			sendTo(t, s, queueSize, func(tr *jaeger.Tracer, closeAll func() error, stats *Stats) {
				for i := range all {
					span := tr.StartSpan(fmt.Sprint(i))
					if i == 42 {
						span.SetTag("large", strings.Repeat("x", 250))
						span.SetTag("larger", strings.Repeat("x", 250))
					}
					span.Finish()
				}
				time.Sleep(10 * time.Hour) // for all retries, since Close would not wait for them
				err := closeAll()
				sent, dropped := stats.Sent.Load(), stats.Dropped.Load()
				tooLarge, failed := stats.TooLarge.Load(), stats.Failed.Load()
				if sent+dropped+tooLarge+failed != all || dropped != 0 || failed != test.failed ||
					tooLarge != test.tooLarge {
					t.Errorf("of %d spans %d sent, %d dropped, %d too large, %d failed", all, sent, dropped, tooLarge,
						failed)
				}
				slices.Sort(s.taken)
				if got := len(slices.Compact(s.taken)); got != len(s.taken) || int64(got) != sent &&
					name != "too slow" {
					t.Errorf("%d spans arrived, %d of them once; %d are counted", len(s.taken), got, sent)
				}
				if s.request() > test.requests {
					t.Errorf("%d requests", s.request())
				}
				if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) ||
					strings.Contains(fmt.Sprint(err), "secret") {
					t.Errorf("Close says %v, want %s", err, test.err)
				}
			})
		})
	}
}

func TestCollectorRefuses(t *testing.T) {
	answerTests{
		"takes all":      {take, 0, 0, "", 3},
		"413 above 4 KB": {limit(4 << 10), 0, 0, "", 100},
		"413 above 600 bytes": {
			limit(600), 0, 1,
			"1 span was too large for the collector, which answered 413 to each alone", 310,
		},
		"413 always": {status(413, ""), 0, all, "300 spans were too large for the collector", 320},
		"413 always, with Retry-After": {
			status(413, "1000000"), 0, all, "300 spans were too large for the collector",
			320,
		},
		"413 once":                        {atFirst(1, status(413, "")), 0, 0, "", 8},
		"429 twice":                       {atFirst(2, status(429, "")), 0, 0, "", 5},
		"429 four times":                  {atFirst(4, status(429, "7")), 0, 0, "", 7},
		"429 for a date":                  {atFirst(1, busyForAMinute), 0, 0, "", 4},
		"429 with a date that has passed": {atFirst(2, status(429, "Thu, 01 Jan 1970 00:00:00 GMT")), 0, 0, "", 5},
		"429 with rubbish":                {atFirst(2, status(429, "soon")), 0, 0, "", 5},
		"429 with a negative number":      {atFirst(2, status(429, "-1")), 0, 0, "", 5},
		"429 for ever": {
			status(429, "1"), all, 0,
			"300 spans were not delivered: the collector answered 429 Too Many Requests", 15,
		},
		"429 for centuries": {
			status(429, "99999999999999999999"), all, 0,
			"300 spans were not delivered: the collector answered 429 Too Many Requests", 15,
		},
		"429 to every second request": {inTurn(status(429, "1"), take), 0, 0, "", 6},
		"429, then 413":               {inTurn(limit(4<<10), limit(4<<10), status(429, "1")), 0, 0, "", 150},
		"503 with Retry-After, twice": {atFirst(2, status(503, "3")), 0, 0, "", 5},
		"503 without": {
			atFirst(1, status(503, "")), 100, 0,
			"100 spans were not delivered: the collector answered 503 Service Unavailable", 3,
		},
		"500": {
			status(500, ""), all, 0,
			"300 spans were not delivered: the collector answered 500 Internal Server Error", 3,
		},
		"500 once": {atFirst(1, status(500, "5")), 100, 0, "100 spans were not delivered", 3},
	}.run(t)
}

func TestCollectorRedirectsOrHangs(t *testing.T) {
	answerTests{
		"304":            {redirect(304, ""), all, 0, "the collector answered 304 Not Modified", 3},
		"302":            {redirect(302, "/taken"), all, 0, "a redirect to GET, which loses the spans", 3},
		"302 to nowhere": {redirect(302, ""), all, 0, "the collector answered 302 Found", 3},
		"307":            {redirect(307, "/taken"), 0, 0, "", 6},
		"308 to nowhere": {redirect(308, ""), all, 0, "the collector answered 308 Permanent Redirect", 3},
		"307 in a circle": {
			redirect(307, "/api/traces"), all, 0,
			"the collector redirects more than 10 times", 33,
		},
		"slow":               {sleep(4*time.Second, take), 0, 0, "", 3},
		"slow to refuse":     {sleep(4*time.Second, limit(4<<10)), 0, 0, "", 100},
		"too slow":           {sleep(6*time.Second, status(202, "")), all, 0, "deadline exceeded", 3},
		"hangs up":           {hangUp, all, 0, "EOF", 3},
		"hangs up once":      {atFirst(1, hangUp), 100, 0, "100 spans were not delivered: EOF", 3},
		"answers half of it": {atFirst(1, halfAnAnswer), 0, 0, "", 4},
		"answers at length":  {takeAtLength, 0, 0, "", 3},
	}.run(t)
}

func TestCollectorRetryAfter(t *testing.T) {
	for retryAfter, want := range map[string][]time.Duration{ // the pauses between the requests
		"":                     {1 * time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second},
		"30":                   {30 * time.Second, 30 * time.Second, 30 * time.Second, 30 * time.Second},
		"3":                    {3 * time.Second, 3 * time.Second, 4 * time.Second, 8 * time.Second},
		"3600":                 {maxPause, maxPause, maxPause, maxPause},
		"99999999999999999999": {maxPause, maxPause, maxPause, maxPause},
	} {
		s := &scripted{answer: status(429, retryAfter)}
		sendTo(t, s, queueSize, func(tr *jaeger.Tracer, closeAll func() error, stats *Stats) {
			for range 200 {
				tr.StartSpan("a").Finish()
			}
			time.Sleep(10 * time.Hour)
			closeAll()
			if len(s.at) != 2*maxTries || stats.Failed.Load() != 200 {
				t.Errorf("%q: %d requests, %d failed", retryAfter, len(s.at), stats.Failed.Load())
				return
			}
			for i, want := range want {
				if got := s.at[i+1].Sub(s.at[i]); got != want {
					t.Errorf("%q: pause %d of %v, want %v", retryAfter, i, got, want)
				}
			}
			if got := s.at[maxTries].Sub(s.at[maxTries-1]); got < want[3] {
				t.Errorf("%q: the next spans are sent after %v", retryAfter, got)
			}
		})
	}
}

func TestCollectorBusyDoesNotDelayFinish(t *testing.T) {
	s := &scripted{answer: status(429, "60")}
	sendTo(t, s, 1000, func(tr *jaeger.Tracer, closeAll func() error, stats *Stats) {
		start, finished := time.Now(), int64(0)
		for range 10 {
			for range 1000 {
				tr.StartSpan("a").Finish()
				finished++
			}
			if d := time.Since(start); d != 0 {
				t.Errorf("Finish took %v", d)
			}
			time.Sleep(time.Second)
			start = time.Now()
		}
		closeAll()
		if n := stats.Sent.Load() + stats.Dropped.Load() + stats.Failed.Load(); n != finished ||
			stats.Dropped.Load() < 8000 || stats.Failed.Load() == 0 {
			t.Errorf("of %d spans %d sent, %d dropped, %d failed", finished, stats.Sent.Load(), stats.Dropped.Load(),
				stats.Failed.Load())
		}
	})
}

func TestCollectorCannotDelayClose(t *testing.T) {
	slowly := func(answer script) script { return sleep(4900*time.Millisecond, answer) }
	for name, test := range map[string]struct {
		answer script
		most   time.Duration
		sent   int64
	}{
		"asks to wait too long": {status(429, "60"), 0, 0},
		"asks to wait a little": {atFirst(1, status(429, "3")), 3 * time.Second, 10_000},
		"asks for ever":         {status(503, "1"), 6 * time.Second, 0},
		"413 for ever, slowly":  {slowly(status(413, "")), 15 * time.Second, 0},
		"429 for ever, slowly":  {slowly(status(429, "1")), 15 * time.Second, 0},
		"500 for ever, slowly":  {slowly(status(500, "")), 15 * time.Second, 0},
	} {
		for _, before := range []time.Duration{0, 10 * time.Second} { // the time from Finish to Close
			t.Run(fmt.Sprint(name, " ", before), func(t *testing.T) {
				s := &scripted{answer: test.answer}
				sendTo(t, s, 10_000, func(tr *jaeger.Tracer, closeAll func() error, stats *Stats) {
					for range 10_000 {
						tr.StartSpan("a").Finish()
					}
					time.Sleep(before)
					start := time.Now()
					err := closeAll()
					if d := time.Since(start); d > test.most {
						t.Errorf("Close took %v", d)
					}
					if n := stats.Sent.Load() + stats.TooLarge.Load() + stats.Failed.Load(); n != 10_000 ||
						stats.Sent.Load() != test.sent || (err == nil) != (test.sent == 10_000) {
						t.Errorf("%d sent, %d too large, %d failed: %v", stats.Sent.Load(), stats.TooLarge.Load(),
							stats.Failed.Load(), err)
					}
				})
			})
		}
	}
}

func TestCollectorBusyLogsLosses(t *testing.T) {
	s := &scripted{answer: status(429, "300"), flush: time.Second}
	sendTo(t, s, 10, func(tr *jaeger.Tracer, _ func() error, stats *Stats) {
		tr.StartSpan("a").Finish()
		time.Sleep(2500 * time.Millisecond) // the span is refused; the next flush is half a second away
		for range 20 {
			tr.StartSpan("a").Finish()
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if stats.Dropped.Load() != 10 || !strings.Contains(s.logged.String(), "dropped=10 ") {
			t.Errorf("%d dropped, logged: %s", stats.Dropped.Load(), &s.logged)
		}
	})
}

func TestCollectorCutsConnection(t *testing.T) {
	s := &scripted{answer: func(s *scripted, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		s.take(w)
	}, cut: 4 << 10}
	sendTo(t, s, queueSize, func(tr *jaeger.Tracer, closeAll func() error, stats *Stats) {
		for range 300 {
			tr.StartSpan("a").Finish()
		}
		if err := closeAll(); err != nil || len(s.taken) != 300 || stats.Sent.Load() != 300 {
			t.Errorf("%v: %d of 300 spans arrived, %d are counted", err, len(s.taken), stats.Sent.Load())
		}
	})
}

// Once a collector has refused a size, later requests stay below it instead of being refused each
// time.
func TestCollectorRequestSizeIsRemembered(t *testing.T) {
	refused := 0
	s := &scripted{answer: func(s *scripted, w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > 4<<10 {
			refused++
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		s.take(w)
	}}
	sendTo(t, s, queueSize, func(tr *jaeger.Tracer, closeAll func() error, _ *Stats) {
		for range 5000 {
			tr.StartSpan("a").Finish()
		}
		if err := closeAll(); err != nil || len(s.taken) != 5000 || refused > s.request()/4 {
			t.Errorf("%v: %d of 5000 spans arrived, %d of %d requests were refused", err, len(s.taken), refused,
				s.request())
		}
	})
}
