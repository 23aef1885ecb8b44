// Command cost measures what a wrapper adds to a call: ours, each peer's, and a Jaeger span made by hand. docs/PERFORMANCE.md
// has what it found, and how to read it.
//
//	go run ./bench/cost [-room regexp] [-peer regexp] [-rounds n] [-json]
//	go run ./bench/cost -short
//	go run ./bench/cost -write docs/PERFORMANCE.md
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
	"time"

	"github.com/gaptrace/gaptrace/bench/internal/peer"
)

func main() {
	if err := command(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "cost:", err)
		os.Exit(1)
	}
}

// pattern is a flag that is a regular expression.
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

func (p *pattern) takes(s string) bool { return p.Regexp == nil || p.MatchString(s) }

type flags struct {
	short, json, export, service bool

	rounds     int
	room, peer pattern
	write      string
}

func command(args []string, stdout, stderr io.Writer) error {
	if part := partOf(args); part != nil {
		return part(os.Stdin, stdout)
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

// parse reads the flags. Asked for help it prints that, and returns flag.ErrHelp.
func parse(args []string, stdout io.Writer) (f flags, err error) {
	set := flag.NewFlagSet("cost", flag.ContinueOnError)
	set.SetOutput(io.Discard) // the error is for main to tell
	set.BoolVar(&f.short, "short", false, "measure for a moment, and fail where ours allocates more than is recorded")
	set.BoolVar(&f.json, "json", false, "print JSON")
	set.BoolVar(&f.export, "export", false, "send what is recorded over the loopback interface, and measure that too")
	set.BoolVar(&f.service, "service", false, "put a service under load, raw and wrapped")
	set.IntVar(&f.rounds, "rounds", 0, "`how often` each call is measured (default 15, with -short 3; with -service 10 and 2)")
	set.StringVar(&f.write, "write", "", "replace the tables in this `file`: all three, or that of -export or -service")
	set.Var(&f.room, "room", "measure the calls whose room and name match this `regexp`")
	set.Var(&f.peer, "peer", "measure the peers whose name matches this `regexp`, beside raw, by hand and gaptrace; ^$ for none")
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
		return f, fmt.Errorf("%q is no flag", set.Arg(0))
	}
	return f, f.sensible()
}

// sensible refuses what would be measured otherwise than it says, or destroy a table.
func (f flags) sensible() error {
	if f.rounds < 0 {
		return fmt.Errorf("-rounds %d: there is no such number of rounds", f.rounds)
	}
	if f.service && f.export {
		return errors.New("-service and -export are two measurements: one at a time")
	}
	if f.short && f.export {
		return errors.New("-short holds against bounds of spans that go nowhere: it does not go with -export")
	}
	some := []struct {
		flag  string
		given bool
	}{{"-room", f.room.Regexp != nil}, {"-peer", f.peer.Regexp != nil}, {"-short", f.short}, {"-json", f.json}}
	for i, each := range some {
		switch {
		case each.given && f.write != "":
			return fmt.Errorf("-write replaces whole tables, as measured in full: it does not go with %s", each.flag)
		case each.given && f.service && i < 2:
			return fmt.Errorf("-service is measured whole: it does not go with %s", each.flag)
		}
	}
	return nil
}

// run measures what the flags say. Where ours allocates too much its figures come with an error.
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

// rewrite replaces the tables in a document: the one that the flags say, or all three.
func (f flags) rewrite(stderr io.Writer) error {
	all := []string{"", "export", "service"}
	switch {
	case f.export:
		all = all[1:2]
	case f.service:
		all = all[2:]
	}
	if err := writable(f.write, all); err != nil { // which is better known before it has all been measured
		return err
	}
	for _, flag := range all {
		f.export, f.service = flag == "export", flag == "service"
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

// measure runs what the flags choose.
func (f flags) measure(stderr io.Writer) ([]*measured, Result, error) {
	p := plan{rounds: 15, batch: 15 * time.Millisecond, chunk: 32}
	if f.short {
		p.rounds, p.batch = 3, time.Millisecond
	}
	if f.rounds > 0 {
		p.rounds = f.rounds
	}
	t := inMemory
	if f.export {
		to, err := startSink()
		if err != nil {
			return nil, Result{}, err
		}
		defer func() { _ = to.stop() }()
		p.sends, p.chunk = true, 128
		t = func() tracers { return exporting(to) }
	}
	opened := t()
	defer opened.close()
	peers := f.peers()
	var all []*measured
	for _, c := range cases() {
		if f.room.takes(c.title()) && !(f.export && c.Long) { // few spans in much time say nothing of an exporter
			all = append(all, open(c, opened, peers))
		}
	}
	if err := f.chosen(all); err != nil {
		return nil, Result{}, err
	}
	began := time.Now()
	run(all, p, func(round int) {
		fmt.Fprintf(stderr, "\r%4.0f s: round %d of %d ", time.Since(began).Seconds(), round+1, p.rounds)
	})
	fmt.Fprintln(stderr)
	r := about(p.rounds, f.export)
	r.Entries = summarize(all)
	return all, r, nil
}

// peers are those that the flags choose, behind raw and ours.
func (f flags) peers() []peer.Peer {
	peers := []peer.Peer{named(rawName), named(ourName)}
	for _, each := range peer.All() {
		if each.Name != rawName && each.Name != ourName && f.peer.takes(each.Name) {
			peers = append(peers, each)
		}
	}
	return peers
}

// chosen is an error where the flags choose no call, or no peer that makes one of them: what measures nothing would pass. It
// is no error to choose nobody, by a pattern that takes an empty name.
func (f flags) chosen(all []*measured) error {
	if len(all) == 0 && f.export {
		return fmt.Errorf("-room %s: there is no such call among those of -export", f.room.String())
	}
	if len(all) == 0 {
		return fmt.Errorf("-room %s: there is no such call", f.room.String())
	}
	if f.peer.takes("") {
		return nil
	}
	for _, m := range all {
		if slices.ContainsFunc(m.cells, func(c *cell) bool { return f.peer.takes(c.contender) }) {
			return nil
		}
	}
	return fmt.Errorf("-peer %s: there is no such peer, or it makes none of the calls", f.peer.String())
}

// load puts the services under load.
func (f flags) load(stderr io.Writer) (r Result, err error) {
	rounds, length := 10, 2*time.Second
	if f.short {
		rounds, length = 2, 200*time.Millisecond
	}
	rounds = cmp.Or(f.rounds, rounds)
	r = about(rounds, true)
	r.Services, err = loadServices(rounds, length, func(round int) { fmt.Fprintf(stderr, "\rround %d of %d ", round+1, rounds) })
	fmt.Fprintln(stderr)
	return r, err
}
