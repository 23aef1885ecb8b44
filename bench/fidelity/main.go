// Command fidelity measures how exact the gaps of a trace are, for gaptrace and for every peer.
//
//	go run ./bench/fidelity [-seed N] [-n N] [-scenario regexp] [-peer regexp] [-export] [-json]
//	go run ./bench/fidelity -short
//	go run ./bench/fidelity -write .
//
// A handler alternates work (real CPU time) with calls that wait, in a random schedule. The true
// self time of the request comes from the clocks of the handler's thread, read before and after
// each call, Read, Next and Recv: see package worktime. Package gap finds the self time in the
// spans of each peer. The error is the difference, relative to the length of the request.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/gaptrace/gaptrace/bench/internal/peer"
)

//go:generate go run . -write ../..

const ourName = "gaptrace"

const million = 1_000_000

// gross is the largest median error of gaptrace that -short accepts. Even a busy machine stays
// below.
const gross = 0.05

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "fidelity:", err)
		os.Exit(1)
	}
}

// flags select what to measure and what to do with the results.
type flags struct {
	seed           uint64
	n              int
	short, json    bool
	export         bool
	scenario, peer string
	write          string
}

func run(args []string, stdout, stderr io.Writer) error {
	var f flags
	set := flag.NewFlagSet("fidelity", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.Uint64Var(&f.seed, "seed", 0, "the `seed` of the schedules; 0 for a random one")
	set.IntVar(&f.n, "n", 20, "make `N` requests for each scenario and peer")
	set.BoolVar(&f.short, "short", false,
		"measure a few requests of a few scenarios, and fail if an error of gaptrace exceeds 5 %")
	set.BoolVar(&f.json, "json", false, "print all samples as JSON instead of tables")
	set.BoolVar(&f.export, "export", false,
		"send all spans over the loopback interface, too; leaves out dd-trace-go, whose spans cannot be sent")
	set.StringVar(&f.scenario, "scenario", "", "measure only the scenarios whose name matches this `regexp`")
	set.StringVar(&f.peer, "peer", "", "measure only the peers whose name matches this `regexp`")
	set.StringVar(&f.write, "write", "",
		"write docs/fidelity.md, docs/fidelity.svg and bench/fidelity/results.md in this `folder`")
	err := set.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err == nil && set.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q: there are only flags, which -h lists", set.Arg(0))
	}
	if err == nil {
		err = f.check()
	}
	if err != nil {
		return err
	}
	chosen, peers, err := f.choose()
	if err != nil {
		return err
	}
	fmt.Fprintln(stderr, "seed", f.seed)
	results, err := f.measure(chosen, peers, stderr)
	if results == nil {
		return err
	}
	if f.json {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "\t")
		err = errors.Join(encoder.Encode(results), err)
	} else {
		err = errors.Join(results.print(stdout), err)
	}
	if f.write != "" && err == nil {
		err = results.write(f.write)
	}
	if f.short && err == nil {
		err = results.gross()
	}
	return err
}

// measure measures what was chosen, with exporters if -export is set.
func (f *flags) measure(chosen []scenario, peers []peer.Peer, progress io.Writer) (*results, error) {
	if !f.export {
		return measureAll(chosen, peers, peer.Exporter{}, f.seed, f.n, million, progress)
	}
	by, end, err := exporters()
	if err != nil {
		return nil, err
	}
	r, err := measureAll(chosen, peers, by, f.seed, f.n, million, progress)
	if r != nil {
		r.Exported = true
	}
	return r, errors.Join(err, end())
}

// check refuses flags that make no sense before minutes are spent on them, and chooses a random
// seed.
func (f *flags) check() error {
	switch {
	case f.n < 1:
		return fmt.Errorf("-n %d: want at least one request", f.n)
	case f.write != "" && (f.scenario != "" || f.peer != "" || f.short || f.json || f.export):
		return errors.New("-write needs all scenarios and peers: combine it only with -seed and -n")
	case f.write != "":
		if info, err := os.Stat(f.write); err != nil || !info.IsDir() {
			return fmt.Errorf("-write %s: no such folder", f.write)
		}
	}
	if f.seed == 0 {
		f.seed = rand.Uint64N(1 << 32)
	}
	if f.short {
		f.n = min(f.n, 3)
	}
	return nil
}

// choose selects scenarios and peers by name.
func (f *flags) choose() (chosen []scenario, peers []peer.Peer, err error) {
	byScenario, err := regexp.Compile(f.scenario)
	if err != nil {
		return nil, nil, fmt.Errorf("-scenario %s: %w", f.scenario, err)
	}
	byPeer, err := regexp.Compile(f.peer)
	if err != nil {
		return nil, nil, fmt.Errorf("-peer %s: %w", f.peer, err)
	}
	var scenarioNames, peerNames []string // of all that could be chosen
	for _, s := range scenarios() {
		if f.short && !s.short {
			continue
		}
		scenarioNames = append(scenarioNames, s.name)
		if byScenario.MatchString(s.name) {
			chosen = append(chosen, s)
		}
	}
	for _, p := range peer.All() {
		if f.export && p.API == peer.Datadog {
			continue
		}
		peerNames = append(peerNames, p.Name)
		if byPeer.MatchString(p.Name) {
			peers = append(peers, p)
		}
	}
	switch {
	case len(chosen) == 0:
		err = fmt.Errorf("-scenario %s: no scenario matches; scenarios are: %s", f.scenario,
			strings.Join(scenarioNames, "; "))
	case len(peers) == 0:
		err = fmt.Errorf("-peer %s: no peer matches; peers are: %s", f.peer, strings.Join(peerNames, ", "))
	case f.short && peers[0].Name != ourName:
		err = fmt.Errorf("-peer %s: -short needs gaptrace", f.peer)
	}
	return chosen, peers, err
}

// measureAll measures n requests of each scenario with each peer that covers it. The peers take
// turns in a random order. rows is the number of rows of the scenario "million rows". If
// interrupted, it returns the results so far and an error.
func measureAll(
	scenarios []scenario, peers []peer.Peer, by peer.Exporter, seed uint64, n, rows int, progress io.Writer,
) (*results, error) {
	// Garbage is collected between the requests, by measure.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	on, err := newStage(rows)
	if err != nil {
		return nil, err
	}
	on.exporter = by
	defer on.close()
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	defer signal.Stop(interrupted)

	r := newResults(seed, n, peers)
	random := rand.New(rand.NewPCG(seed, 0))
	for _, s := range scenarios {
		fmt.Fprintln(progress, s.name)
		covering := slices.DeleteFunc(slices.Clone(peers), func(p peer.Peer) bool { return !s.covers(p) })
		requests := n
		if s.long {
			requests = max(1, n/4)
		}
		for i := range requests {
			select {
			case <-interrupted:
				r.finish()
				return r, errors.New("interrupted")
			default:
			}
			plan := newSchedule(seed, s.name, i)
			random.Shuffle(len(covering), func(i, j int) { covering[i], covering[j] = covering[j], covering[i] })
			for _, p := range covering {
				sample, err := measure(s, on, p, plan)
				if err != nil {
					return nil, fmt.Errorf("%s, %s, schedule %d of seed %d: %w", s.name, p.Name, i, seed, err)
				}
				r.add(s, p.Name, sample)
			}
			// The control: the same work at the same time, without calls.
			sample, err := measure(controlScenario, on, controlPeer, plan)
			if err != nil {
				return nil, err
			}
			r.add(s, controlName, sample)
		}
	}
	r.finish()
	return r, nil
}
