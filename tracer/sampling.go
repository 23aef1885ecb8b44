package tracer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/uber/jaeger-client-go"
	"github.com/uber/jaeger-client-go/config"
	"github.com/uber/jaeger-client-go/thrift-gen/sampling"
)

// maxAnswer limits how many bytes of a server's answer are read.
const maxAnswer = 1 << 20

// samplingServer gets strategies, which say how much to sample, for Jaeger's remote sampler. It is
// that sampler's fetcher (Fetch), parser (Parse) and updater (Update), and runs on its goroutine.
//
// Jaeger's own fetcher leaves connections open, has no timeout for the body, and panics if
// http.DefaultTransport is not a *http.Transport. Its parser refuses a numeric strategyType, which
// Jaeger and the OpenTelemetry Collector send, and accepts answers that make the sampler panic.
type samplingServer struct {
	url      string
	shownURL string // without userinfo and query, for messages
	client   *http.Client
	ctx      context.Context // cancelled by stop; Fetch has no context parameter
	stop     context.CancelFunc
	stats    *Stats
	warnings warnings
	adaptive *jaeger.AdaptiveSamplerUpdater

	err      error // of the last attempt
	unlogged int64 // failures since the last warning
}

func newSamplingServer(cfg *config.SamplerConfig, o *options) *samplingServer {
	h := newHTTPTransport()
	h.DisableKeepAlives = true // or an HTTP/2 connection would outlive the request that stop ends
	s := &samplingServer{
		url:      cfg.SamplingServerURL,
		client:   &http.Client{Transport: h, Timeout: 10 * time.Second},
		stats:    o.stats,
		warnings: warnings{logger: o.logger},
		adaptive: &jaeger.AdaptiveSamplerUpdater{MaxOperations: cfg.MaxOperations},
	}
	if u, err := url.Parse(s.url); err == nil {
		s.shownURL = u.Scheme + "://" + u.Host + u.Path
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

func (s *samplingServer) Fetch(service string) (answer []byte, err error) {
	defer func() {
		if err != nil {
			s.failed(err)
		}
	}()
	req, err := http.NewRequestWithContext(s.ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, withoutURL(err)
	}
	query := req.URL.Query()
	query.Set("service", service)
	req.URL.RawQuery = query.Encode()
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answered %s", statusText(resp.StatusCode))
	}
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(answer) > maxAnswer {
		err = fmt.Errorf("its answer has more than %d bytes", maxAnswer)
	}
	return answer, err
}

func (s *samplingServer) Parse(answer []byte) (any, error) {
	strategy, err := parseStrategy(answer)
	if err != nil {
		s.failed(err)
	}
	return strategy, err
}

// Update is called with the sampler's lock held. So after Stats.Sampler shows a strategy, it is in
// force for every new span.
func (s *samplingServer) Update(sampler jaeger.SamplerV2, answer any) (jaeger.SamplerV2, error) {
	next, ok := answer.(*strategy)
	if !ok {
		return nil, nil
	}
	var err error
	switch limiter, limits := sampler.(*jaeger.RateLimitingSampler); {
	case next.OperationSampling != nil:
		sampler, err = s.adaptive.Update(sampler, next)
	case next.ProbabilisticSampling != nil:
		sampler, err = new(jaeger.ProbabilisticSamplerUpdater).Update(sampler, next)
	case limits:
		limiter.Update(next.tracesPerSecond)
	default:
		sampler = jaeger.NewRateLimitingSampler(next.tracesPerSecond)
	}
	if err != nil { // not expected, and not logged: a logger that starts spans would wait for the lock
		return nil, err
	}
	s.err = nil
	s.stats.Strategies.Add(1)
	s.stats.setSampler("remote: " + next.String())
	return sampler, nil
}

// failed records that there was no new strategy. The previous one stays in force.
func (s *samplingServer) failed(err error) {
	if s.ctx.Err() != nil {
		return // by stop
	}
	s.err = err
	s.stats.StrategiesFailed.Add(1)
	s.unlogged++
	s.log(false)
}

// log logs the failures since the last warning, if one is due.
func (s *samplingServer) log(final bool) {
	if s.unlogged == 0 || !s.warnings.due(final) {
		return
	}
	attrs := []slog.Attr{
		slog.Int64("failures", s.unlogged),
		slog.String("server", s.shownURL),
		slog.String("in_force", s.stats.Sampler()),
	}
	if s.err != nil {
		attrs = append(attrs, slog.String("error", s.err.Error()))
	}
	s.unlogged = 0
	s.warnings.log("tracer: the sampling server gave no strategy", attrs...)
}

// close logs the remaining failures, and returns an error if the last attempt failed. Call it only
// after the sampler's Close.
func (s *samplingServer) close() error {
	s.log(true)
	if s.err == nil {
		return nil
	}
	return fmt.Errorf("tracer: the sampling server %s gave no strategy: %w; in force: %s",
		s.shownURL, s.err, s.stats.Sampler())
}

// strategy is a sampling server's answer: rates per operation, a single rate, or a limit.
type strategy struct {
	sampling.SamplingStrategyResponse
	tracesPerSecond float64 // the limit, if the response has no rates
}

// String describes the strategy for Stats.Sampler.
func (s *strategy) String() string {
	switch {
	case s.OperationSampling != nil:
		return fmt.Sprintf("per operation (%d rates, default %v)",
			len(s.OperationSampling.PerOperationStrategies), s.OperationSampling.DefaultSamplingProbability)
	case s.ProbabilisticSampling != nil:
		return fmt.Sprintf("probabilistic %v", s.ProbabilisticSampling.SamplingRate)
	}
	return fmt.Sprintf("ratelimiting %v", s.tracesPerSecond)
}

// parseStrategy parses the answers of Jaeger and of the OpenTelemetry Collector. Jaeger writes
// enums as names or, at another path, as numbers. The Collector omits fields that are zero. As in
// Jaeger's clients, rates per operation come first. Between a rate and a limit, strategyType
// chooses.
func parseStrategy(answer []byte) (*strategy, error) {
	var a struct {
		StrategyType          strategyType
		ProbabilisticSampling *struct{ SamplingRate number }
		RateLimitingSampling  *struct{ MaxTracesPerSecond number }
		OperationSampling     *operations
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return nil, fmt.Errorf("its answer is not a strategy in JSON: %w", err)
	}
	s := new(strategy)
	var c checker
	switch p, l := a.ProbabilisticSampling, a.RateLimitingSampling; {
	case a.OperationSampling != nil:
		s.OperationSampling = a.OperationSampling.strategies(&c)
	case l != nil && (p == nil || a.StrategyType == rateLimiting):
		s.tracesPerSecond = c.limit("maxTracesPerSecond", l.MaxTracesPerSecond)
	case p != nil:
		s.ProbabilisticSampling = c.rate("samplingRate", p.SamplingRate)
	default:
		return nil, errors.New("its answer has no probabilisticSampling, rateLimitingSampling or operationSampling")
	}
	return s, c.err
}

// operations are the rates per operation in an answer.
type operations struct {
	DefaultSamplingProbability       number
	DefaultLowerBoundTracesPerSecond number
	PerOperationStrategies           []*struct {
		Operation             string
		ProbabilisticSampling *struct{ SamplingRate number }
	}
}

func (o *operations) strategies(c *checker) *sampling.PerOperationSamplingStrategies {
	s := &sampling.PerOperationSamplingStrategies{
		DefaultSamplingProbability:       c.rate("defaultSamplingProbability", o.DefaultSamplingProbability).SamplingRate,
		DefaultLowerBoundTracesPerSecond: c.limit("defaultLowerBoundTracesPerSecond", o.DefaultLowerBoundTracesPerSecond),
	}
	for _, per := range o.PerOperationStrategies {
		if per == nil || per.ProbabilisticSampling == nil {
			continue // the default applies
		}
		rate := c.rate("samplingRate", per.ProbabilisticSampling.SamplingRate)
		s.PerOperationStrategies = append(s.PerOperationStrategies,
			&sampling.OperationSamplingStrategy{Operation: per.Operation, ProbabilisticSampling: rate})
	}
	return s
}

// checker checks the numbers of an answer. It keeps the last error.
type checker struct{ err error }

func (c *checker) rate(name string, n number) *sampling.ProbabilisticSamplingStrategy {
	if n < 0 || n > 1 {
		c.err = fmt.Errorf("its answer has %s %v: want 0 to 1", name, n)
	}
	return &sampling.ProbabilisticSamplingStrategy{SamplingRate: float64(n)}
}

func (c *checker) limit(name string, n number) float64 {
	if n < 0 {
		c.err = fmt.Errorf("its answer has %s %v: want 0 or more", name, n)
	}
	return float64(n)
}

const maxQuoted = 100 // bytes of an answer in an error

// strategyType is a name or a number in JSON. Its zero value is PROBABILISTIC.
type strategyType int

const rateLimiting = strategyType(sampling.SamplingStrategyType_RATE_LIMITING)

func (t *strategyType) UnmarshalJSON(text []byte) error {
	switch strings.ToUpper(strings.Trim(string(text[:min(len(text), 2*maxQuoted)]), `"`)) {
	case "NULL", "0", "PROBABILISTIC":
		*t = 0
	case "1", "RATE_LIMITING":
		*t = rateLimiting
	default:
		return fmt.Errorf("strategyType %.*q: want PROBABILISTIC (0) or RATE_LIMITING (1)", maxQuoted, text)
	}
	return nil
}

// number is a number in JSON, or a string with one: protobuf writes 64-bit numbers so.
type number float64

func (n *number) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	f, err := strconv.ParseFloat(strings.Trim(string(text), `"`), 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return fmt.Errorf("%.*q: want a number", maxQuoted, text)
	}
	*n = number(f)
	return nil
}
