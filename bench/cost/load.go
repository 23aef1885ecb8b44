package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/gaptrace/gaptrace/bench/internal/script"
)

// variant is one way to run the service.
type variant struct {
	Name    string `json:"name"`
	sampler []string
}

// variants returns the raw service, and the wrapped one with different shares of requests sampled.
func variants() []variant {
	sampled := func(kind, share string) []string {
		return []string{"JAEGER_SAMPLER_TYPE=" + kind, "JAEGER_SAMPLER_PARAM=" + share}
	}
	return []variant{
		{Name: rawName},
		{"sampled 0", sampled("const", "0")},
		{"sampled 1 %", sampled("probabilistic", "0.01")},
		{"sampled 100 %", sampled("const", "1")},
	}
}

// Loaded is the result of a variant under load: the medians of its rounds.
type Loaded struct {
	variant
	Throughput spread `json:"requests_per_second"`
	P99        spread `json:"p99_ms"`
	CPU        spread `json:"cpu_us_per_request"`
	Bytes      spread `json:"bytes_per_request"`
	GC         spread `json:"gc_percent_of_cpu"`
	RSS        spread `json:"rss_mb"`
	OfRaw      spread `json:"throughput_of_raw"` // round by round
	CPUOfRaw   spread `json:"cpu_of_raw"`
}

// atOnce is the number of concurrent callers.
const atOnce = 8

// loadServices puts the variants under load, in turn.
func loadServices(rounds int, length time.Duration, progress func(round int)) (loaded []Loaded, err error) {
	to, stopBackends, err := startBackends()
	if err != nil {
		return nil, err
	}
	defer stopBackends()
	sink, err := startSink()
	if err != nil {
		return nil, err
	}
	defer func() { _ = sink.stop() }()
	services, stop, err := startServices(to, sink.udp)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: atOnce}}
	all := make([]figures, len(services))
	turns := turnsOf(len(services))
	for round := -1; round < rounds; round++ { // round -1 warms up
		progress(round)
		for _, v := range turns() {
			took, before, after, err := load(client, services[v], length)
			if err != nil {
				return nil, err
			}
			if round >= 0 {
				all[v].add(took, before, after, length)
			}
		}
	}
	for i, v := range variants() {
		loaded = append(loaded, all[i].loaded(v, all[0]))
	}
	return loaded, nil
}

// startServices starts a service for each variant. They call to, and report to the agent.
func startServices(to backends, agent string) (urls []string, stop func() error, err error) {
	host, port, _ := net.SplitHostPort(agent)
	var started []*child
	stop = func() (err error) {
		for _, service := range slices.Backward(started) {
			err = errors.Join(err, service.stop())
		}
		return err
	}
	for _, v := range variants() {
		to.Wrapped = v.sampler != nil
		config, err := json.Marshal(to)
		if err != nil {
			return nil, nil, errors.Join(err, stop())
		}
		service, err := startChild(
			asService,
			append(v.sampler, "JAEGER_AGENT_HOST="+host, "JAEGER_AGENT_PORT="+port),
			config,
		)
		if err != nil {
			return nil, nil, errors.Join(fmt.Errorf("start a service: %w", err), stop())
		}
		started = append(started, service)
		urls = append(urls, "http://"+strings.TrimSpace(service.firstLine))
	}
	return urls, stop, nil
}

// figures are the results of a variant, with a value for each round.
type figures struct{ rate, p99, cpu, bytes, gc, rss []float64 }

// add adds a round.
func (f *figures) add(took []time.Duration, before, after used, length time.Duration) {
	n, cpu := float64(len(took)), float64(after.CPU-before.CPU)
	f.rate = append(f.rate, n/length.Seconds())
	f.p99 = append(f.p99, took[len(took)*99/100].Seconds()*1e3)
	f.cpu = append(f.cpu, cpu/n/1e3)
	f.bytes = append(f.bytes, float64(after.Bytes-before.Bytes)/n)
	f.gc = append(f.gc, 100*float64(after.GC-before.GC)/cpu)
	f.rss = append(f.rss, float64(after.RSS)/1e6)
}

func (f *figures) loaded(v variant, raw figures) Loaded {
	quotient := func(a, b float64) float64 { return a / b }
	return Loaded{
		variant: v, Throughput: spreadOf(f.rate), P99: spreadOf(f.p99), CPU: spreadOf(f.cpu),
		Bytes: spreadOf(f.bytes), GC: spreadOf(f.gc), RSS: spreadOf(f.rss),
		OfRaw: spreadOf(each(f.rate, raw.rate, quotient)), CPUOfRaw: spreadOf(each(f.cpu, raw.cpu, quotient)),
	}
}

// turnsOf returns a function that returns a new random order of n services for each round. In a
// fixed order, one service could always suffer from what the same other one did before it.
func turnsOf(n int) func() []int {
	random := rand.New(rand.NewPCG(5, 6))
	return func() []int { return random.Perm(n) }
}

// load calls a service for a while, and returns the sorted durations of the requests.
func load(client *http.Client, service string, duration time.Duration) (
	took []time.Duration, before, after used, err error,
) {
	if before, err = usedBy(client, service); err != nil {
		return nil, before, after, err
	}
	var mu sync.Mutex
	var callers sync.WaitGroup
	end := time.Now().Add(duration)
	for range atOnce {
		callers.Go(func() {
			var mine []time.Duration
			var failed error
			for start := time.Now(); failed == nil; start = time.Now() {
				if mine != nil && !start.Before(end) { // after at least one call
					break
				}
				failed = fetch(client, service+"/books/7", io.Discard)
				mine = append(mine, time.Since(start))
			}
			mu.Lock()
			defer mu.Unlock()
			took, err = append(took, mine...), errors.Join(err, failed)
		})
	}
	callers.Wait()
	slices.Sort(took)
	if err == nil {
		after, err = usedBy(client, service)
	}
	return took, before, after, err
}

func usedBy(client *http.Client, service string) (u used, err error) {
	var text strings.Builder
	if err = fetch(client, service+"/used", &text); err == nil {
		err = json.Unmarshal([]byte(text.String()), &u)
	}
	return u, err
}

func fetch(client *http.Client, url string, to io.Writer) error {
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("%s: %s: %s", url, resp.Status, text)
	}
	_, err = io.Copy(to, resp.Body)
	return err
}

// startBackends starts the servers that the service calls, in this process.
func startBackends() (to backends, stop func(), err error) {
	cache, err := miniredis.Run()
	if err != nil {
		return to, nil, err
	}
	check(cache.Set("book:7", strings.Repeat("The law of the gap. ", 50)))
	db, err := script.ServeMySQL()
	if err != nil {
		cache.Close()
		return to, nil, err
	}
	search := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		w.Header().Set("Content-Type", "application/json")
		hits := strings.Repeat(`{"_id":"7","_source":{"title":"gaps"}},`, 19)
		_, _ = io.WriteString(w, `{"took":1,"hits":{"total":{"value":3},"hits":[`+hits+`{}]}}`)
	}))
	supplier := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `[`+strings.Repeat(`{"Shop":"a warehouse","Price":"12.50"},`, 19)+`{}]`)
	}))
	return backends{Redis: cache.Addr(), MySQL: db.Addr(), Elasticsearch: search.URL, Supplier: supplier.URL}, func() {
		supplier.Close()
		search.Close()
		db.Close()
		cache.Close()
	}, nil
}
