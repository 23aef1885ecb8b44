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
	"github.com/uber/jaeger-client-go/thrift-gen/sampling"
)

// maxAnswer bounds what is read of a sampling server's answer, in bytes.
const maxAnswer = 1 << 20

// strategies asks a sampling server, for Jaeger's remotely controlled sampler. Its methods run on the goroutine of that
// sampler, one after the other, except stop.
//
// Jaeger's own fetcher leaves connections open, has no timeout for the body, and panics in a program whose
// http.DefaultTransport is not a *http.Transport. Its parser refuses a numeric strategyType, which Jaeger and the
// OpenTelemetry Collector send, and lets through what makes the sampler panic.
type strategies struct {
	url, name string // the name is the URL without what may be secret
	client    *http.Client
	ctx       context.Context // ends with stop: Fetch is not given one
	cancel    context.CancelFunc
	stats     *Stats
	logger    *slog.Logger // nil: none
	adaptive  *jaeger.AdaptiveSamplerUpdater

	err    error // of the last attempt
	told   time.Time
	untold int64
}

func newStrategies(s *settings) *strategies {
	h := newHTTP()
	h.DisableKeepAlives = true // over HTTP/2 a connection would outlive the request that stop ends
	server := &strategies{
		url:      s.Sampler.SamplingServerURL,
		client:   &http.Client{Transport: h, Timeout: 10 * time.Second},
		stats:    s.stats,
		logger:   s.logger,
		adaptive: &jaeger.AdaptiveSamplerUpdater{MaxOperations: s.Sampler.MaxOperations},
	}
	if u, err := url.Parse(server.url); err == nil {
		server.name = u.Scheme + "://" + u.Host + u.Path
	}
	server.ctx, server.cancel = context.WithCancel(context.Background())
	return server
}

// Fetch implements jaeger.SamplingStrategyFetcher.
func (s *strategies) Fetch(service string) ([]byte, error) {
	answer, err := s.ask(service)
	if err != nil {
		s.failed(err)
	}
	return answer, err
}

func (s *strategies) ask(service string) ([]byte, error) {
	u, err := url.Parse(s.url)
	if err != nil {
		return nil, withoutURL(err)
	}
	query := u.Query()
	query.Set("service", service)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(s.ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, withoutURL(err)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answered %s", statusText(resp.StatusCode))
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(answer) > maxAnswer {
		err = fmt.Errorf("its answer has more than %d bytes", maxAnswer)
	}
	return answer, err
}

// statusText is a status without the words of the server, which may be anything.
func statusText(code int) string {
	return strings.TrimSpace(fmt.Sprint(code, " ", http.StatusText(code)))
}

// withoutURL is err without the URL that net/http puts before it, whose query may hold a token.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// Parse implements jaeger.SamplingStrategyParser.
func (s *strategies) Parse(answer []byte) (any, error) {
	strategy, err := parseStrategy(answer)
	if err != nil {
		s.failed(err)
		return nil, err
	}
	return strategy, nil
}

// Update implements jaeger.SamplerUpdater. The sampler holds a lock meanwhile, so that whoever reads a strategy in Stats
// starts spans by it.
func (s *strategies) Update(sampler jaeger.SamplerV2, answer any) (jaeger.SamplerV2, error) {
	of, ok := answer.(*strategy)
	if !ok {
		return nil, nil
	}
	var err error
	switch limiter, limits := sampler.(*jaeger.RateLimitingSampler); {
	case of.OperationSampling != nil:
		sampler, err = s.adaptive.Update(sampler, of)
	case of.ProbabilisticSampling != nil:
		sampler, err = new(jaeger.ProbabilisticSamplerUpdater).Update(sampler, of)
	case limits:
		limiter.Update(of.tracesPerSecond)
	default:
		sampler = jaeger.NewRateLimitingSampler(of.tracesPerSecond)
	}
	if err != nil { // it has no reason, as the answer was checked; and a logger that spans would wait for the lock
		return nil, err
	}
	s.err = nil
	s.stats.Strategies.Add(1)
	s.stats.setSampler("remote: " + of.String())
	return sampler, nil
}

// failed notes that there was no strategy. The one before stays in force.
func (s *strategies) failed(err error) {
	if s.ctx.Err() != nil {
		return // Close has ended the request
	}
	s.err = err
	s.stats.StrategiesFailed.Add(1)
	s.untold++
	s.tell(false)
}

// tell tells the logger of failures, the first time at once.
func (s *strategies) tell(last bool) {
	if s.untold == 0 || !last && !s.told.IsZero() && time.Since(s.told) < tellEvery {
		return
	}
	attrs := []slog.Attr{
		slog.Int64("failures", s.untold), slog.String("server", s.name), slog.String("in_force", s.stats.Sampler()),
	}
	if s.err != nil {
		attrs = append(attrs, slog.String("error", s.err.Error()))
	}
	s.told, s.untold = time.Now(), 0
	warn(s.logger, "tracer: the sampling server gave no strategy", attrs...)
}

// stop ends a request that is under way: the sampler's Close waits for it.
func (s *strategies) stop() { s.cancel() }

// close tells what was not told, and returns an error if the last attempt failed. The sampler has been closed.
func (s *strategies) close() error {
	s.tell(true)
	if s.err == nil {
		return nil
	}
	return fmt.Errorf("tracer: the sampling server %s gave no strategy: %w; in force: %s", s.name, s.err, s.stats.Sampler())
}

// strategy is what a sampling server answers: rates of operations, or else one rate, or else a limit.
type strategy struct {
	sampling.SamplingStrategyResponse
	tracesPerSecond float64
}

// String is how Stats show it.
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

// parseStrategy reads the answers of Jaeger (whose enums are names or, at another path, numbers) and of the OpenTelemetry
// Collector (which leaves out what is zero). As in Jaeger's clients rates of operations come first. If both of the others
// are there, strategyType chooses.
func parseStrategy(answer []byte) (*strategy, error) {
	var a struct {
		StrategyType          strategyType
		ProbabilisticSampling *struct{ SamplingRate number }
		RateLimitingSampling  *struct{ MaxTracesPerSecond number }
		OperationSampling     *struct {
			DefaultSamplingProbability       number
			DefaultLowerBoundTracesPerSecond number
			PerOperationStrategies           []*struct {
				Operation             string
				ProbabilisticSampling *struct{ SamplingRate number }
			}
		}
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return nil, fmt.Errorf("its answer is no strategy in JSON: %w", err)
	}
	s := new(strategy)
	var bad error
	rate := func(name string, n number) *sampling.ProbabilisticSamplingStrategy {
		if n < 0 || n > 1 {
			bad = fmt.Errorf("its answer has %s %v: want 0 to 1", name, n)
		}
		return &sampling.ProbabilisticSamplingStrategy{SamplingRate: float64(n)}
	}
	limit := func(name string, n number) float64 {
		if n < 0 {
			bad = fmt.Errorf("its answer has %s %v: want 0 or more", name, n)
		}
		return float64(n)
	}
	switch {
	case a.OperationSampling != nil:
		s.OperationSampling = &sampling.PerOperationSamplingStrategies{
			DefaultSamplingProbability:       rate("defaultSamplingProbability", a.OperationSampling.DefaultSamplingProbability).SamplingRate,
			DefaultLowerBoundTracesPerSecond: limit("defaultLowerBoundTracesPerSecond", a.OperationSampling.DefaultLowerBoundTracesPerSecond),
		}
		for _, o := range a.OperationSampling.PerOperationStrategies {
			if o == nil || o.ProbabilisticSampling == nil {
				continue // the default is for it
			}
			s.OperationSampling.PerOperationStrategies = append(s.OperationSampling.PerOperationStrategies,
				&sampling.OperationSamplingStrategy{Operation: o.Operation, ProbabilisticSampling: rate("samplingRate", o.ProbabilisticSampling.SamplingRate)})
		}
	case a.RateLimitingSampling != nil && (a.ProbabilisticSampling == nil || a.StrategyType == rateLimiting):
		s.tracesPerSecond = limit("maxTracesPerSecond", a.RateLimitingSampling.MaxTracesPerSecond)
	case a.ProbabilisticSampling != nil:
		s.ProbabilisticSampling = rate("samplingRate", a.ProbabilisticSampling.SamplingRate)
	default:
		bad = errors.New("its answer has no probabilisticSampling, rateLimitingSampling or operationSampling")
	}
	if bad != nil {
		return nil, bad
	}
	return s, nil
}

// strategyType is a name, as Thrift and protobuf write it, or a number, as older Thrift and encoding/json do.
type strategyType int

const rateLimiting = strategyType(sampling.SamplingStrategyType_RATE_LIMITING)

// UnmarshalJSON implements json.Unmarshaler.
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

// number is a number, or a string of one, as protobuf writes those of 64 bits.
type number float64

// UnmarshalJSON implements json.Unmarshaler.
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
