// Fidelity finds out how far the gaps of a trace can be believed: of gaptrace, and of every peer, in the same schedules.
//
//	go run ./bench/fidelity [-seed N] [-n N] [-short] [-json] [-export] [-scenario regexp] [-peer regexp] [-write docs]
//
// A handler alternates work, which is real CPU, with calls that wait, as a random schedule has it. What the gaps of its
// request should hold is read from the clocks of its own thread, just before and after each call, Read, Next and
// Recv: see package worktime. What they do hold is found by package gap in the spans that each peer records. The
// error is the difference, as a part of the request.
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

	"github.com/gaptrace/gaptrace/bench/internal/peer"
)

//go:generate go run . -write ../../docs

const ourName = "gaptrace"

const million = 1_000_000

// gross is what an error of ours may not exceed in the short form, which runs on any machine, busy as it may be.
const gross = 0.05

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "fidelity:", err)
		os.Exit(1)
	}
}

// flags are what is to be played, and what becomes of it.
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
	set.Uint64Var(&f.seed, "seed", 0, "the schedules' `seed`; 0 takes one by chance")
	set.IntVar(&f.n, "n", 20, "`requests` of each scenario and peer")
	set.BoolVar(&f.short, "short", false, "a few requests of a few scenarios; fails if gaptrace's errors are gross")
	set.BoolVar(&f.json, "json", false, "print all samples as JSON")
	set.BoolVar(&f.export, "export", false, "send all spans over the loopback interface, too; Datadog's cannot be")
	set.StringVar(&f.scenario, "scenario", "", "only scenarios whose name matches this `regexp`")
	set.StringVar(&f.peer, "peer", "", "only peers whose name matches this `regexp`")
	set.StringVar(&f.write, "write", "", "write fidelity.md and fidelity.svg into this `folder`")
	err := set.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err == nil && set.NArg() > 0 {
		err = fmt.Errorf("%q is no flag", set.Arg(0))
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
	results, err := f.play(chosen, peers, stderr)
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

// play plays with exporters or without.
func (f *flags) play(chosen []scenario, peers []peer.Peer, progress io.Writer) (*results, error) {
	if !f.export {
		return playAll(chosen, peers, peer.Exporter{}, f.seed, f.n, million, progress)
	}
	by, end, err := exporters()
	if err != nil {
		return nil, err
	}
	r, err := playAll(chosen, peers, by, f.seed, f.n, million, progress)
	if r != nil {
		r.Exported = true
	}
	return r, errors.Join(err, end())
}

// check refuses what makes no sense before minutes are spent on it, and fills in what is left to chance.
func (f *flags) check() error {
	switch {
	case f.n < 1:
		return fmt.Errorf("-n %d: at least one request is needed", f.n)
	case f.write != "" && (f.scenario != "" || f.peer != "" || f.short || f.json || f.export):
		return errors.New("-write is for all scenarios and all peers: it goes with -seed and -n alone")
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

// choose picks scenarios and peers by name.
func (f *flags) choose() (chosen []scenario, peers []peer.Peer, err error) {
	byScenario, err := regexp.Compile(f.scenario)
	if err != nil {
		return nil, nil, err
	}
	byPeer, err := regexp.Compile(f.peer)
	if err != nil {
		return nil, nil, err
	}
	chosen = slices.DeleteFunc(scenarios(), func(s scenario) bool { return !byScenario.MatchString(s.name) || f.short && !s.short })
	peers = slices.DeleteFunc(peer.All(), func(p peer.Peer) bool {
		return !byPeer.MatchString(p.Name) || f.export && p.API == peer.Datadog
	})
	switch {
	case len(chosen) == 0:
		err = fmt.Errorf("no scenario matches %q", f.scenario)
	case len(peers) == 0:
		err = fmt.Errorf("no peer matches %q", f.peer)
	case f.short && peers[0].Name != ourName:
		err = fmt.Errorf("-short is about gaptrace, which %q does not match", f.peer)
	}
	return chosen, peers, err
}

// playAll plays n requests of each scenario with each peer that covers it, the peers by turns, in an order that changes. A
// million rows are so many. Interrupted, it returns what there is, beside the error.
func playAll(
	scenarios []scenario, peers []peer.Peer, by peer.Exporter, seed uint64, n, rows int, progress io.Writer,
) (*results, error) {
	// Garbage is collected between the requests.
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
		playing := slices.DeleteFunc(slices.Clone(peers), func(p peer.Peer) bool { return !s.covers(p) })
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
			random.Shuffle(len(playing), func(i, j int) { playing[i], playing[j] = playing[j], playing[i] })
			for _, p := range playing {
				sample, err := measure(s, on, p, plan)
				if err != nil {
					return nil, fmt.Errorf("%s, %s, schedule %d of seed %d: %w", s.name, p.Name, i, seed, err)
				}
				r.add(s, p.Name, sample)
			}
			// Beside them, what the machine does to the same work at that time.
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
