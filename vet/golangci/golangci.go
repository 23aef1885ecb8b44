// Package golangci makes package vet a plugin of golangci-lint, by its module plugin system. Next
// to .golangci.yml, put this into .custom-gcl.yml, and run golangci-lint custom:
//
//	version: v2.15.0
//	plugins:
//	  - module: github.com/gaptrace/gaptrace/vet
//	    import: github.com/gaptrace/gaptrace/vet/golangci
//	    version: v0.1.0
//
// That builds the command ./custom-gcl, a golangci-lint with the plugin. Enable it in
// .golangci.yml. All settings are optional:
//
//	linters:
//	  enable: [gaptrace]
//	  settings:
//	    custom:
//	      gaptrace:
//	        type: module
//	        settings:
//	          rules: [GT1, GT201] # report only these
//	          tests: true         # also in _test.go files
//
// golangci-lint checks one package at a time. It does not report a client that leaves its package,
// so gaptrace vet finds more.
package golangci

import (
	"strconv"
	"strings"

	"github.com/gaptrace/gaptrace/vet"
	"github.com/golangci/plugin-module-register/register"
	"golang.org/x/tools/go/analysis"
)

func init() { register.Plugin("gaptrace", newPlugin) }

type settings struct {
	Rules []string `json:"rules"`
	Tests bool     `json:"tests"`
}

type plugin struct{ settings settings }

func newPlugin(conf any) (register.LinterPlugin, error) {
	s, err := register.DecodeSettings[settings](conf)
	return plugin{s}, err
}

func (p plugin) BuildAnalyzers() ([]*analysis.Analyzer, error) {
	a := vet.Analyzer
	if err := a.Flags.Set("rules", strings.Join(p.settings.Rules, ",")); err != nil {
		return nil, err
	}
	if err := a.Flags.Set("tests", strconv.FormatBool(p.settings.Tests)); err != nil {
		return nil, err
	}
	return []*analysis.Analyzer{a}, nil
}

// GetLoadMode asks for types, which the analyzer needs to follow values.
func (plugin) GetLoadMode() string { return register.LoadModeTypesInfo }
