package golangci

import (
	"testing"

	"github.com/golangci/plugin-module-register/register"
)

func TestSettings(t *testing.T) {
	build, err := register.GetPlugin("gaptrace")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		conf         any
		rules, tests string
	}{
		"none":  {nil, "", "false"},
		"all":   {map[string]any{"rules": []any{"GT1", "GT201"}, "tests": true}, "GT1,GT201", "true"},
		"rules": {map[string]any{"rules": []any{"GT3"}}, "GT3", "false"},
	} {
		p, err := build(test.conf)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		analyzers, err := p.BuildAnalyzers()
		if err != nil || len(analyzers) != 1 || p.GetLoadMode() != "typesinfo" {
			t.Fatalf("%s: %v, %v, %s", name, analyzers, err, p.GetLoadMode())
		}
		flags := analyzers[0].Flags
		rules, tests := flags.Lookup("rules").Value.String(), flags.Lookup("tests").Value.String()
		if rules != test.rules || tests != test.tests {
			t.Errorf("%s: rules %q, tests %s", name, rules, tests)
		}
	}
	if _, err := build(map[string]any{"rule": "GT1"}); err == nil {
		t.Error("an unknown setting is accepted")
	}
}
