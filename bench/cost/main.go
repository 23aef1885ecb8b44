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
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
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
	sink, serve                  bool // the parts of this program that are processes of their own
	rounds                       int
	room, peer                   pattern
	write                        string
}

func command(args []string, stdout, stderr io.Writer) (err error) {
	var f flags
	set := flag.NewFlagSet("cost", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.BoolVar(&f.short, "short", false, "measure for a moment, and fail where ours allocates more than is recorded")
	set.BoolVar(&f.json, "json", false, "print JSON")
	set.BoolVar(&f.export, "export", false, "send what is recorded over the loopback interface, and measure that too")
	set.BoolVar(&f.service, "service", false, "put a service under load, raw and wrapped")
	set.BoolVar(&f.sink, "sink", false, "be what -export sends to")
	set.BoolVar(&f.serve, "serve", false, "be what -service loads")
	set.IntVar(&f.rounds, "rounds", 0, "`how often` each call is measured (default 15, with -short 3)")
	set.StringVar(&f.write, "write", "", "replace the tables in this `file`: all three, or that of -export or -service")
	set.Var(&f.room, "room", "measure the calls whose room and name match this `regexp`")
	set.Var(&f.peer, "peer", "measure the peers whose name matches this `regexp`, beside raw, by hand and gaptrace")
	if err := set.Parse(args); err != nil {
		return err
	}
	if set.NArg() > 0 {
		return fmt.Errorf("%q is no flag", set.Arg(0))
	}
	switch {
	case f.sink:
		return serveSink(os.Stdin, stdout)
	case f.serve:
		return serveShop(os.Stdin, stdout)
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
	var peers []peer.Peer
	for _, own := range []string{rawName, ourName} {
		peers = append(peers, named(own))
	}
	for _, each := range peer.All() {
		if each.Name != rawName && each.Name != ourName && f.peer.takes(each.Name) {
			peers = append(peers, each)
		}
	}
	var all []*measured
	for _, c := range cases() {
		if f.room.takes(c.title()) && !(f.export && c.Long) { // few spans in much time say nothing of an exporter
			all = append(all, open(c, opened, peers))
		}
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
