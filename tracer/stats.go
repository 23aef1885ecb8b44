package tracer

import "sync/atomic"

// Stats counts the spans that a tracer sends or loses, and describes how it samples. Give each
// tracer its own with [WithStats], and read it at any time. Spans that only go to a Recorder are
// not counted, nor are spans that finish after Close.
type Stats struct {
	Sent     atomic.Int64 // accepted by the collector, or sent to an agent, which does not answer
	Dropped  atomic.Int64 // the queue was full
	TooLarge atomic.Int64 // a single span got the answer 413, or exceeds an agent's packet of 65,000 bytes
	Failed   atomic.Int64 // not accepted or not sent for another reason, or formatting one of their values panicked
	Queued   atomic.Int64 // in the queue now; those that are being sent are not counted

	Strategies       atomic.Int64 // the sampling server's answers that took effect
	StrategiesFailed atomic.Int64 // failures to reach it, and answers that were not a strategy

	sampler atomic.Pointer[string]
}

// Sampler describes the sampler in force: "const 1", "probabilistic 0.5", "remote: probabilistic
// 0.001, until the server answers", "remote: ratelimiting 5" or "remote: per operation (2 rates,
// default 0.8)". It returns "" before the tracer is opened.
func (s *Stats) Sampler() string {
	if text := s.sampler.Load(); text != nil {
		return *text
	}
	return ""
}

func (s *Stats) setSampler(text string) { s.sampler.Store(&text) }

// droppedCounter is a counter for jaeger.Metrics. It counts spans for which the queue had no room.
type droppedCounter struct{ *Stats }

func (c droppedCounter) Inc(n int64) {
	c.Dropped.Add(n)
	c.Queued.Add(-n)
}
