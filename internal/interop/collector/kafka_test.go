package collector_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestCollectorKafka runs a collector that writes to Kafka, and two that read from it and analyze,
// with the configurations of docs/collector.md. One of the two is killed, restarted and stopped
// while spans arrive. What the documentation says about lost spans must hold for every span.
func TestCollectorKafka(t *testing.T) {
	needCollector(t)
	broker, _ := servers.Kafka(t)
	sink := newMetricsSink(t)
	addrs := map[string]string{"localhost:9092": broker, "localhost:9090": strings.TrimPrefix(sink.URL, "http://")}
	configs := collectorConfigs(t)
	startCollector(t, atAddrs(t, configs[1], addrs), "")
	analyzing := atAddrs(t, configs[2], addrs)
	start := func(name string) *collector {
		return startCollector(t, analyzing, `
receivers: {kafka: {client_id: `+name+`}}
connectors: {gap: {metrics: {flush_interval: 100ms}}}
exporters: {otlp_http: {encoding: json, compression: none}}
service: {telemetry: {resource: {attributes: [{name: service.instance.id, value: `+name+`}]}}}`)
	}
	topic := newTopic(t, broker)
	a, b := start("a1"), start("b")
	topic.awaitMembers(t, "a1", "b")
	spantest.Await(t, "an answer of the collector in front", func() bool {
		return scrape("http://"+addrs["localhost:4318"]) != nil
	})
	const traces = 30
	var sent []string
	want := map[string]int{} // how often each span counts
	send := func(phase string) {
		var senders sync.WaitGroup
		for i := range traces {
			name := fmt.Sprint(phase, " ", i)
			for _, span := range spanNames {
				sent = append(sent, name+" "+span)
				want[name+" "+span] = 1
			}
			senders.Go(func() { sendTrace(t, addrs["localhost:4318"], name) })
		}
		senders.Wait()
	}
	counted := func() bool { return maps.Equal(sink.total(), want) }

	// Both analyze.
	send("both")
	spantest.Await(t, "all spans", counted)
	sink.wholeTraces(t, "both")
	if sink.counted("a1", "both") == 0 || sink.counted("b", "both") == 0 {
		t.Errorf("a analyzed %d spans, and b %d", sink.counted("a1", "both"), sink.counted("b", "both"))
	}

	// One crashes. Of its partitions, spans whose offset was not committed are read again. All others
	// have been exported.
	before := spantest.Must(topic.assigned(t.Context()))(t)["a1"]
	send("committed")
	spantest.Await(t, "committed offsets", func() bool {
		return maps.Equal(topic.committed(t), topic.ends(t))
	})
	send("uncommitted")
	a.kill(t)
	committed, exported := topic.committed(t), sink.of("a1")
	if after := spantest.Must(topic.assigned(t.Context()))(t)["a1"]; !slices.Equal(after, before) {
		t.Fatalf("another collector has taken over before the offsets were known: had %v, has %v", before, after)
	}
	again, twice := 0, 0
	for name, at := range topic.positions(t, sent) {
		if !slices.Contains(before, at.partition) {
			continue
		}
		switch {
		case at.offset >= committed[at.partition]:
			want[name] += exported[name]
			again++
			twice += exported[name]
		case exported[name] == 0:
			t.Errorf("%s was committed before it was exported", name)
		}
	}
	t.Logf("after the crash, %d spans of %d were read again, of which %d count twice", again,
		2*traces*len(spanNames), twice)
	topic.awaitMembers(t, "b")
	send("alone")
	spantest.Await(t, "all spans, by the other collector", counted)
	sink.wholeTraces(t, "alone")

	// It is back, and is stopped while spans arrive. None is lost, and none counts twice.
	a = start("a2")
	topic.awaitMembers(t, "a2", "b")
	send("back")
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		a.stop(t)
	}()
	send("stopping")
	<-stopped
	if sink.counted("a2", "back") == 0 {
		t.Error("the collector that is back analyzed nothing")
	}
	spantest.Await(t, "all spans, none lost at the stop", func() bool { return len(sink.total()) >= len(want) })
	b.stop(t) // analyzes what waits
	got := sink.total()
	for _, name := range sent {
		if got[name] != want[name] {
			t.Errorf("%s counts %d times, want %d", name, got[name], want[name])
		}
	}
}

var spanNames = []string{"query", "work", "request"}

// sendTrace sends a request of 100 ms, with a query from 20 to 50 ms and work from 60 to 90 ms, in
// a message for each span.
func sendTrace(t *testing.T, addr, name string) {
	start := time.Now()
	trace := fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64())
	for i, s := range []struct{ kind, from, to time.Duration }{{3, 20, 50}, {1, 60, 90}, {2, 0, 100}} {
		parent := `"parentSpanId":"0000000000000003",`
		if spanNames[i] == "request" {
			parent = ""
		}
		at := func(ms time.Duration) int64 { return start.Add(ms * time.Millisecond).UnixNano() }
		post(t, "http://"+addr+"/v1/traces", fmt.Sprintf(`{"resourceSpans":[{"scopeSpans":[{"spans":[{
			"traceId":%q,"spanId":"%016x",%s"kind":%d,"name":"%s %s","startTimeUnixNano":"%d","endTimeUnixNano":"%d"}]}]}]}`,
			trace, i+1, parent, s.kind, name, spanNames[i], at(s.from), at(s.to)))
	}
}

// topic is what Kafka says about the spans and the collectors that read them.
type topic struct {
	client *kgo.Client
	admin  *kadm.Client
	found  map[string]position
}

// position is where a span is.
type position struct {
	partition int32
	offset    int64
}

const (
	topicName, groupName = "otlp_spans", "gaptrace"
	partitions           = 4
)

// newTopic creates the topic.
func newTopic(t *testing.T, broker string) *topic {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ConsumeTopics(topicName),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	admin := kadm.NewClient(client)
	if _, err := admin.CreateTopic(t.Context(), partitions, 1, nil, topicName); err != nil {
		t.Fatal(err)
	}
	return &topic{client, admin, map[string]position{}}
}

// positions returns where the spans are. It fails if Kafka has one twice.
func (k *topic) positions(t *testing.T, names []string) map[string]position {
	t.Helper()
	name := regexp.MustCompile(`[a-z]+ \d+ (query|work|request)`)
	for len(k.found) < len(names) {
		fetches := k.client.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		for r := range fetches.RecordsAll() {
			found := name.FindAllString(string(r.Value), -1)
			if _, twice := k.found[found[0]]; twice || len(found) != 1 {
				t.Fatalf("the record at %d of partition %d has %q", r.Offset, r.Partition, found)
			}
			k.found[found[0]] = position{r.Partition, r.Offset}
		}
	}
	return maps.Clone(k.found)
}

// ends returns the offset after the last span of each partition that has any.
func (k *topic) ends(t *testing.T) map[int32]int64 {
	t.Helper()
	listed, err := k.admin.ListEndOffsets(t.Context(), topicName)
	if err != nil {
		t.Fatal(err)
	}
	ends := map[int32]int64{}
	listed.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			ends[o.Partition] = o.Offset
		}
	})
	return ends
}

// committed returns the offset of the next span of each partition that the collectors will not read
// again.
func (k *topic) committed(t *testing.T) map[int32]int64 {
	t.Helper()
	fetched, err := k.admin.FetchOffsets(t.Context(), groupName)
	if err != nil {
		t.Fatal(err)
	}
	committed := map[int32]int64{}
	fetched.Each(func(o kadm.OffsetResponse) { committed[o.Partition] = o.At })
	return committed
}

// assigned returns the partitions of each collector.
func (k *topic) assigned(ctx context.Context) (map[string][]int32, error) {
	groups, err := k.admin.DescribeGroups(ctx, groupName)
	if err != nil {
		return nil, err
	}
	assigned := map[string][]int32{}
	for _, m := range groups[groupName].Members {
		assigned[m.ClientID] = []int32{}
		if consumer, ok := m.Assigned.AsConsumer(); ok {
			for _, topic := range consumer.Topics {
				assigned[m.ClientID] = append(assigned[m.ClientID], topic.Partitions...)
			}
		}
	}
	return assigned, nil
}

// awaitMembers waits until exactly these collectors read, each an equal part of the partitions.
func (k *topic) awaitMembers(t *testing.T, names ...string) {
	t.Helper()
	spantest.Await(t, fmt.Sprint("partitions for each of ", names), func() bool {
		assigned, err := k.assigned(t.Context())
		if err != nil {
			return false // a new broker has no coordinator for some time
		}
		for _, name := range names {
			if len(assigned[name]) != partitions/len(names) {
				return false
			}
		}
		return len(assigned) == len(names)
	})
}

// metricsSink takes OTLP, as Prometheus does.
type metricsSink struct {
	*httptest.Server
	mu     sync.Mutex
	counts map[string]map[string]int     // by collector and span name
	self   map[string]map[string]float64 // seconds
}

func newMetricsSink(t *testing.T) *metricsSink {
	s := &metricsSink{counts: map[string]map[string]int{}, self: map[string]map[string]float64{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/otlp/v1/metrics", func(w http.ResponseWriter, r *http.Request) {
		if err := s.take(json.NewDecoder(r.Body)); err != nil {
			t.Errorf("the metrics cannot be read: %v", err)
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, "{}")
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *metricsSink) take(d *json.Decoder) error {
	type attributes []struct {
		Key   string
		Value struct{ StringValue string }
	}
	get := func(all attributes, key string) string {
		for _, a := range all {
			if a.Key == key {
				return a.Value.StringValue
			}
		}
		return ""
	}
	var export struct {
		ResourceMetrics []struct {
			Resource     struct{ Attributes attributes }
			ScopeMetrics []struct {
				Metrics []struct {
					Name                 string
					ExponentialHistogram struct {
						DataPoints []struct {
							Attributes attributes
							Count      string
							Sum        float64
						}
					}
				}
			}
		}
	}
	if err := d.Decode(&export); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rm := range export.ResourceMetrics {
		counts, self := map[string]int{}, map[string]float64{}
		for _, m := range rm.ScopeMetrics[0].Metrics {
			if m.Name != "gaptrace.self_time" {
				continue
			}
			for _, p := range m.ExponentialHistogram.DataPoints {
				n, err := strconv.Atoi(p.Count)
				if err != nil {
					return err
				}
				name := get(p.Attributes, "span.name")
				counts[name], self[name] = n, p.Sum
			}
		}
		collector := get(rm.Resource.Attributes, "collector.instance.id")
		s.counts[collector], s.self[collector] = counts, self // cumulative
	}
	return nil
}

// of returns how often a collector has counted each span.
func (s *metricsSink) of(collector string) map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.counts[collector])
}

// counted returns how many spans of a phase a collector has counted.
func (s *metricsSink) counted(collector, phase string) (n int) {
	for name, count := range s.of(collector) {
		if strings.HasPrefix(name, phase+" ") {
			n += count
		}
	}
	return n
}

// total returns how often each span counts.
func (s *metricsSink) total() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	total := map[string]int{}
	for _, counts := range s.counts {
		for name, n := range counts {
			total[name] += n
		}
	}
	return total
}

// wholeTraces fails the test if a request of a phase has not the self time of a whole trace.
func (s *metricsSink) wholeTraces(t *testing.T, phase string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for collector, self := range s.self {
		for name, seconds := range self {
			if strings.HasPrefix(name, phase+" ") && strings.HasSuffix(name, " request") && seconds != 0.04 {
				t.Errorf("%s: %s has a self time of %v s, want 0.04", collector, name, seconds)
			}
		}
	}
}
