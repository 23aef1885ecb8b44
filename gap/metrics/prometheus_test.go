package metrics_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/internal/spantest/servers"
)

// ask asks an API of Prometheus, and decodes data of the answer.
func ask(address string, parameters url.Values, data any) error {
	res, err := http.PostForm(address, parameters)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s: %s", answer.Status, answer.Error)
	}
	return nil
}

// answered returns an error unless Prometheus answers a query with a number.
func answered(prometheus, query string) error {
	var data struct {
		Result []struct {
			Metric map[string]string
			Value  []any
		}
	}
	if err := ask(prometheus+"/api/v1/query", url.Values{"query": {query}}, &data); err != nil {
		return err
	}
	for _, r := range data.Result {
		if len(r.Value) == 0 { // a native histogram, of a variable
			return nil
		}
		if value := fmt.Sprint(r.Value[1]); value != "NaN" {
			return nil
		}
	}
	return fmt.Errorf("no number: %v", data.Result)
}

// await waits until check succeeds, and sends the program requests.
func await(t *testing.T, p *program, check func() error) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		p.request(t)
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func TestRealPrometheusAnswers(t *testing.T) {
	jaeger := servers.Jaeger(t)
	p := newProgram(t, jaeger.CollectorURL)
	server := httptest.NewServer(p)
	defer server.Close()
	for _, native := range []bool{false, true} {
		t.Run(fmt.Sprintf("native=%v", native), func(t *testing.T) {
			prometheus, _ := servers.Prometheus(t, strings.TrimPrefix(server.URL, "http://"), native)
			for name, query := range queries(t) {
				if name == "rule GaptraceSelfTimeRose" {
					continue // which needs the day before
				}
				if strings.HasPrefix(name, "rule Gaptrace") { // an alert, which otherwise has no answer while all is well
					query = strings.ReplaceAll(query, "> ", "> bool ")
				}
				// The recorded series are not there, since the rules are not loaded.
				query = strings.ReplaceAll(query, "job_operation:gaptrace_self_time_seconds:count1h",
					"("+rules(t)["rule job_operation:gaptrace_self_time_seconds:count1h"]+")")
				await(t, p, func() error {
					if err := answered(prometheus, query); err != nil {
						return fmt.Errorf("%s: %w\n%s", name, err, query)
					}
					return nil
				})
			}
			if native {
				await(t, p, func() error { return exemplarInJaeger(prometheus, jaeger.QueryURL) })
			}
		})
	}
}

// exemplarInJaeger returns an error unless Jaeger has the trace of an exemplar that Prometheus has.
func exemplarInJaeger(prometheus, jaeger string) error {
	var data []struct {
		Exemplars []struct{ Labels map[string]string }
	}
	now := time.Now()
	err := ask(prometheus+"/api/v1/query_exemplars", url.Values{
		"query": {"gaptrace_self_time_seconds"}, "start": {fmt.Sprint(now.Add(-time.Hour).Unix())}, "end": {fmt.Sprint(now.Unix() + 1)},
	}, &data)
	if err != nil {
		return err
	}
	err = errors.New("no exemplar")
	for _, series := range data {
		for _, exemplar := range series.Exemplars {
			var res *http.Response
			if res, err = http.Get(jaeger + "/api/traces/" + exemplar.Labels["trace_id"]); err != nil {
				continue
			}
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("%v: %s", exemplar.Labels, res.Status)
		}
	}
	return err
}

func TestPromtool(t *testing.T) {
	promtool := servers.Promtool(t)
	alerts, err := filepath.Abs(alertsFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"check", "rules", alerts}, {"test", "rules", "testdata/alerts_test.yml"}} {
		if out, err := exec.Command(promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}
