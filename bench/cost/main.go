// Command cost measures what a wrapper adds to a call: gaptrace's, each peer's, and a Jaeger span
// made by hand. docs/PERFORMANCE.md explains the results; results.md has the tables.
//
//	go run ./bench/cost [-case regexp] [-peer regexp] [-rounds n] [-json]
//	go run ./bench/cost -woven
//	go run ./bench/cost -short
//	go run ./bench/cost -write bench/cost/results.md
package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/bench/internal/peer"
)

func main() {
	if err := command(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "cost:", err)
		os.Exit(1)
	}
}

// pattern is a flag with a regular expression. Without one it matches everything.
type pattern struct{ *regexp.Regexp }

func (p *pattern) Set(s string) (err error) {
	p.Regexp, err = regexp.Compile(s)
	return err
}

func (p *pattern) String() string {
	if p.Regexp == nil {
		return ""
	}
	return p.Regexp.String()
}

func (p *pattern) matches(s string) bool { return p.Regexp == nil || p.MatchString(s) }

type flags struct {
	short, json, export, service, woven bool

	rounds int
	only   pattern // cases
	peer   pattern
	write  string
}

func command(args []string, stdout, stderr io.Writer) error {
	if process := childProcess(args); process != nil {
		return process(os.Stdin, stdout)
	}
	f, err := parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if f.write != "" {
		return f.rewrite(stderr)
	}
	r, err := f.run(stderr)
	if err == nil && f.json {
		e := json.NewEncoder(stdout)
		e.SetIndent("", "\t")
		err = e.Encode(r)
	} else if len(r.Entries)+len(r.Services) > 0 {
		r.table(stdout)
	}
	return err
}

// parse parses the flags. If they ask for help, it prints help and returns flag.ErrHelp.
func parse(args []string, stdout io.Writer) (f flags, err error) {
	set := flag.NewFlagSet("cost", flag.ContinueOnError)
	set.SetOutput(io.Discard) // main prints the error
	set.BoolVar(&f.short, "short", false, "measure briefly, and fail if gaptrace allocates more than bounds.go allows")
	set.BoolVar(&f.json, "json", false, "print JSON instead of tables")
	set.BoolVar(&f.export, "export", false, "send the spans over the loopback interface, and measure that too")
	set.BoolVar(&f.service, "service", false, "measure a whole service under load, raw and wrapped")
	set.BoolVar(&f.woven, "woven", false, "also measure the raw calls in a program that gaptrace build has built")
	set.IntVar(&f.rounds, "rounds", 0,
		"measure each call `N` times (default 15, with -short 3; with -service 10 and 2)")
	set.StringVar(&f.write, "write", "",
		"replace the tables in this `file`: all three, or the one for -export or -service")
	set.Var(&f.only, "case",
		"measure only the cases that match this `regexp`, such as redis or 'net/http GET'")
	set.Var(&f.peer, "peer",
		"measure only the peers that match this `regexp`; raw, by hand and gaptrace are always measured; ^$ for no peer")
	err = set.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		set.SetOutput(stdout)
		fmt.Fprintln(stdout, "usage: go run ./bench/cost [flags]")
		set.PrintDefaults()
	}
	if err != nil {
		return f, err
	}
	if set.NArg() > 0 {
		return f, fmt.Errorf("unexpected argument %q: there are only flags, which -h lists", set.Arg(0))
	}
	return f, f.check()
}

// check refuses combinations of flags whose result would mislead, or would be an incomplete table.
func (f flags) check() error {
	only, peer := f.only.Regexp != nil, f.peer.Regexp != nil
	const whole, tables = "it measures the whole service", "it replaces whole tables"
	for _, refused := range []struct {
		when    bool
		message string
	}{
		{f.rounds < 0, fmt.Sprintf("-rounds %d: want 0 or more", f.rounds)},
		{f.service && f.export, "-service and -export are two measurements: use one of them"},
		{f.woven && f.service, "-woven cannot be combined with -service: " + whole},
		{f.woven && f.export, "-woven cannot be combined with -export: it measures spans that are not sent"},
		{f.short && f.export, "-short cannot be combined with -export: its bounds are for spans that are not sent"},
		{f.service && only, "-service cannot be combined with -case: " + whole},
		{f.service && peer, "-service cannot be combined with -peer: " + whole},
		{f.write != "" && only, "-write cannot be combined with -case: " + tables},
		{f.write != "" && peer, "-write cannot be combined with -peer: " + tables},
		{f.write != "" && f.short, "-write cannot be combined with -short: " + tables},
		{f.write != "" && f.json, "-write cannot be combined with -json: it writes tables"},
	} {
		if refused.when {
			return errors.New(refused.message)
		}
	}
	return nil
}

// run measures what the flags select. With -short it returns an error, in addition to the result,
// if gaptrace allocates too much.
func (f flags) run(stderr io.Writer) (Result, error) {
	if f.service {
		return f.load(stderr)
	}
	all, r, err := f.measure(stderr)
	if f.short && err == nil {
		err = exceeded(all)
	}
	return r, err
}

// rewrite replaces the tables in a document: the one that the flags select, or all three.
func (f flags) rewrite(stderr io.Writer) error {
	all := []string{"", "export", "service"}
	switch {
	case f.export:
		all = all[1:2]
	case f.service:
		all = all[2:]
	}
	if err := writable(f.write, all); err != nil { // fail before minutes of measurement
		return err
	}
	for _, flag := range all {
		f.export, f.service, f.woven = flag == "export", flag == "service", flag == ""
		r, err := f.run(stderr)
		if err == nil {
			err = rewrite(f.write, flag, r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// measure measures the cases and peers that the flags select.
func (f flags) measure(stderr io.Writer) ([]*measured, Result, error) {
	p := plan{Rounds: 15, Batch: 15 * time.Millisecond, Chunk: 32}
	if f.short {
		p.Rounds, p.Batch = 3, time.Millisecond
	}
	if f.rounds > 0 {
		p.Rounds = f.rounds
	}
	t := inMemory
	if f.export {
		to, err := startSink()
		if err != nil {
			return nil, Result{}, err
		}
		defer func() { _ = to.stop() }()
		p.Sends, p.Chunk = true, 128
		t = func() tracers { return exporting(to) }
	}
	opened := t()
	defer opened.close()
	peers := f.peers()
	var all []*measured
	for _, c := range cases() {
		if f.only.matches(c.title()) && !(f.export && c.Long) { // a long case has too few spans to measure an exporter
			all = append(all, open(c, opened, peers))
		}
	}
	if err := f.checkSelected(all); err != nil {
		return nil, Result{}, err
	}
	wovenRound, addWoven := func() error { return nil }, func() {}
	if f.woven {
		w, err := buildAndStartWoven(all, p)
		if err != nil {
			return nil, Result{}, err
		}
		defer func() { _ = w.stop() }()
		wovenRound, addWoven = w.round, func() { w.addTo(all) }
	}
	began := time.Now()
	err := run(all, p, func(round int) error {
		fmt.Fprintf(stderr, "\r%4.0f s: round %d of %d ", time.Since(began).Seconds(), round+1, p.Rounds)
		return wovenRound()
	})
	fmt.Fprintln(stderr)
	if err != nil {
		return nil, Result{}, err
	}
	addWoven()
	r := newResult(p.Rounds, f.export)
	r.Entries = summarize(all)
	return all, r, nil
}

// peers returns raw, gaptrace, and the peers that the flags select.
func (f flags) peers() []peer.Peer {
	peers := []peer.Peer{named(rawName), named(ourName)}
	for _, each := range contenders() {
		if each.Name != rawName && each.Name != ourName && f.peer.matches(each.Name) {
			peers = append(peers, each)
		}
	}
	return peers
}

// checkSelected returns an error if the flags select no case, or no peer that makes any of these
// calls: a run that measures nothing would pass. A pattern that matches the empty name, such as ^$,
// selects no peer on purpose.
func (f flags) checkSelected(all []*measured) error {
	if len(all) == 0 {
		var titles []string
		of := ""
		for _, c := range cases() {
			if !(f.export && c.Long) {
				titles = append(titles, c.title())
			}
		}
		if f.export {
			of = " of -export"
		}
		return fmt.Errorf("-case %s: no case matches; cases%s are: %s", f.only.String(), of, strings.Join(titles, "; "))
	}
	if f.peer.matches("") {
		return nil
	}
	for _, m := range all {
		if slices.ContainsFunc(m.cells, func(c *cell) bool { return f.peer.matches(c.contender) }) {
			return nil
		}
	}
	return fmt.Errorf("-peer %s: no peer matches; peers that wrap one of the calls are: %s", f.peer.String(),
		strings.Join(wrapping(all), ", "))
}

// wrapping returns the names of the peers, except gaptrace, that wrap one of the calls.
func wrapping(all []*measured) (names []string) {
	for _, p := range contenders() {
		wraps := func(m *measured) bool {
			c := &client{make: m.wrappedBy(p)}
			defer c.close()
			c.renew()
			return c.call != nil
		}
		if p.Name != rawName && p.Name != ourName && slices.ContainsFunc(all, wraps) {
			names = append(names, p.Name)
		}
	}
	return names
}

// load measures the services under load.
func (f flags) load(stderr io.Writer) (r Result, err error) {
	rounds, length := 10, 2*time.Second
	if f.short {
		rounds, length = 2, 200*time.Millisecond
	}
	rounds = cmp.Or(f.rounds, rounds)
	r = newResult(rounds, true)
	r.Services, err = loadServices(rounds, length, func(round int) {
		fmt.Fprintf(stderr, "\rround %d of %d ", round+1, rounds)
	})
	fmt.Fprintln(stderr)
	return r, err
}
