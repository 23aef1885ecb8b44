package budget

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/gaptrace/gaptrace/internal/printable"
)

// Report is what the formats write.
type Report struct {
	File          string // of the budgets
	Input         string // names the traces
	Traces, Spans int
	Results       []Result
}

// Failed reports whether a budget is broken.
func (r *Report) Failed() bool {
	for i := range r.Results {
		if r.Results[i].Failed() {
			return true
		}
	}
	return false
}

func (r *Report) counts() string {
	on := fmt.Sprintf("%d %s, %d %s",
		r.Traces, printable.Plural(r.Traces, "trace"), r.Spans, printable.Plural(r.Spans, "span"))
	return printable.Text(r.File, 200) + ": " + Summary(r.Results, on)
}

// Text writes a line for each broken limit and for each operation that is missing, then a summary.
func (r *Report) Text(w io.Writer) error {
	var b strings.Builder
	for i := range r.Results {
		if x := &r.Results[i]; x.Failed() {
			fmt.Fprintf(&b, "%s:%d: %s: %s\n", printable.Text(r.File, 200), x.Line, x.Span(), x.Message())
		}
	}
	b.WriteString(r.counts() + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// GitHub writes commands for GitHub Actions, which shows them at the lines of the budget file.
func (r *Report) GitHub(w io.Writer) error {
	var b strings.Builder
	for i := range r.Results {
		x := &r.Results[i]
		level, title := "error", "Budget broken"
		switch x.Status {
		case Kept:
			continue
		case Missing:
			title = "Operation missing"
		case Skipped:
			level, title = "notice", "Operation missing"
		}
		fmt.Fprintf(&b, "::%s file=%s,line=%d,title=%s::%s\n",
			level, property.Replace(r.File), x.Line, title, data.Replace(x.Span()+": "+x.Message()))
	}
	b.WriteString(data.Replace(r.counts()) + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// GitHub's runner decodes these in the data of a command, and the second list also in its
// properties.
var (
	data     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

type junitSuites struct {
	XMLName xml.Name   `xml:"testsuites"`
	Suite   junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	File    string        `xml:"file,attr"`
	Line    int           `xml:"line,attr"`
	Failure *junitMessage `xml:"failure"`
	Skipped *junitMessage `xml:"skipped"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
}

// JUnit writes JUnit's XML, with a test case for each limit of each operation.
func (r *Report) JUnit(w io.Writer) error {
	suite := junitSuite{Name: "gaptrace check " + r.File, Tests: len(r.Results)}
	for i := range r.Results {
		x := &r.Results[i]
		c := junitCase{Class: x.Span(), Name: x.Limit.String(), File: r.File, Line: x.Line}
		if c.Name == "" {
			c.Name = "occurs"
		}
		switch {
		case x.Failed():
			suite.Failures++
			c.Failure = &junitMessage{x.Message(), x.Status.String()}
		case x.Status == Skipped:
			suite.Skipped++
			c.Skipped = &junitMessage{Message: x.Message()}
		}
		suite.Cases = append(suite.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", " ")
	if err := e.Encode(junitSuites{Suite: suite}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// schemaVersion is the version in docs/check.schema.json. Raise it if programs that read the JSON
// would have to change.
const schemaVersion = 1

type jsonReport struct {
	Version int          `json:"version"`
	File    string       `json:"file"`
	Input   string       `json:"input"`
	Traces  int          `json:"traces"`
	Spans   int          `json:"spans"`
	Failed  bool         `json:"failed"`
	Results []jsonResult `json:"results"`
}

type jsonResult struct {
	Status    string   `json:"status"`
	Service   string   `json:"service"`
	Operation string   `json:"operation"`
	Line      int      `json:"line"`
	Limit     string   `json:"limit,omitempty"`
	Value     *float64 `json:"value,omitempty"`
	Spans     int64    `json:"spans"`
	Worst     string   `json:"worst_trace_id,omitempty"`
}

// JSON writes all results as one JSON object. docs/check.schema.json is its schema.
func (r *Report) JSON(w io.Writer) error {
	report := jsonReport{schemaVersion, r.File, r.Input, r.Traces, r.Spans, r.Failed(), []jsonResult{}}
	for i := range r.Results {
		x := &r.Results[i]
		j := jsonResult{
			Status: x.Status.String(), Service: x.Service, Operation: x.Operation, Line: x.Line, Spans: x.Spans,
		}
		if x.Status == Kept || x.Status == Broken {
			j.Limit, j.Value, j.Worst = x.Limit.String(), &x.Value, x.Worst.String()
		}
		report.Results = append(report.Results, j)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	return e.Encode(report)
}
