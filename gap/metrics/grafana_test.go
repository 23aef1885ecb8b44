package metrics_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"
)

const (
	dashboardFile = "../../docs/grafana/gaptrace.json"
	alertsFile    = "../../docs/grafana/alerts.yml"
)

// queries returns every query of the dashboard and the recording rules, by its place. Grafana's
// variables are replaced by values.
func queries(t *testing.T) map[string]string {
	t.Helper()
	var dashboard struct {
		Templating struct {
			List []struct{ Name, Type, Definition string }
		}
		Panels []struct {
			Type, Title, Description string
			Targets                  []struct{ RefID, Expr string }
		}
	}
	decode(t, dashboardFile, json.Unmarshal, &dashboard)
	values := strings.NewReplacer("$__rate_interval", "1m", "$job", ".*", "$operation", ".*")
	all := map[string]string{}
	labelValues := regexp.MustCompile(`^label_values\((.*), \w+\)$`)
	for _, v := range dashboard.Templating.List {
		if v.Type == "query" {
			all["variable "+v.Name] = values.Replace(labelValues.FindStringSubmatch(v.Definition)[1])
		}
	}
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			all[p.Title+", "+target.RefID] = values.Replace(target.Expr)
		}
		if p.Type != "row" && (len(p.Targets) == 0 || p.Description == "") {
			t.Errorf("panel %q has no query or no description", p.Title)
		}
	}
	maps.Copy(all, rules(t))
	if len(all) < 20 {
		t.Errorf("only %d queries found", len(all))
	}
	for name, query := range all {
		if strings.Contains(query, "$") {
			t.Errorf("%s has an unknown variable: %s", name, query)
		}
	}
	return all
}

// rules returns the recording rules and the alerts, by name.
func rules(t *testing.T) map[string]string {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []struct{ Record, Alert, Expr string }
		}
	}
	decode(t, alertsFile, yaml.Unmarshal, &file)
	all := map[string]string{}
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			all["rule "+rule.Record+rule.Alert] = rule.Expr
		}
	}
	return all
}

func decode(t *testing.T, file string, unmarshal func([]byte, any) error, to any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err == nil {
		err = unmarshal(text, to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// series returns the names of the series that the collector has.
func series(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	collector := newProgram(t, "http://127.0.0.1:1").collector
	descs := make(chan *prometheus.Desc)
	go func() {
		collector.Describe(descs)
		close(descs)
	}()
	for desc := range descs {
		name := regexp.MustCompile(`fqName: "(\w+)"`).FindStringSubmatch(desc.String())[1]
		names[name] = true
		if strings.HasSuffix(name, "_seconds") {
			names[name+"_sum"], names[name+"_count"], names[name+"_bucket"] = true, true, true
		}
	}
	return names
}

// promtool has Prometheus' own parser.
func TestQueriesParse(t *testing.T) {
	promtool := servers.Promtool(t)
	type rule struct {
		Record string            `yaml:"record"`
		Expr   string            `yaml:"expr"`
		Labels map[string]string `yaml:"labels"`
	}
	known := series(t)
	for name := range rules(t) {
		known[strings.TrimPrefix(name, "rule ")] = true
	}
	all := queries(t)
	var written []rule
	for _, name := range slices.Sorted(maps.Keys(all)) {
		written = append(written, rule{"query", all[name], map[string]string{"query": name}})
		for _, metric := range regexp.MustCompile(`[\w:]*gaptrace_[\w:]+`).FindAllString(all[name], -1) {
			if !known[metric] {
				t.Errorf("%s: nothing exports %s", name, metric)
			}
		}
	}
	check := func(rules []rule) (string, error) {
		text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "queries", "rules": rules}}})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "queries.yml")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(promtool, "check", "rules", file).CombinedOutput()
		return string(out), err
	}
	if out, err := check(written); err != nil || !strings.Contains(out, fmt.Sprint(len(written), " rules found")) {
		t.Errorf("promtool: %v\n%s", err, out)
	}
	if out, err := check([]rule{{"query", "sum(", nil}}); err == nil {
		t.Errorf("promtool accepts anything:\n%s", out)
	}
}
