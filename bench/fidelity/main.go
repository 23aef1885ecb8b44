// Fidelity finds out how far the gaps of a trace can be believed: of gaptrace, and of every peer, in the same schedules.
//
//	go run ./bench/fidelity [-seed N] [-n N] [-short] [-json] [-scenario regexp] [-peer regexp] [-write docs]
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
	"math/rand/v2"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
	"slices"

	"github.com/gaptrace/gaptrace/bench/internal/peer"
)

//go:generate go run . -write ../../docs

const ours = "gaptrace"

const million = 1_000_000

// gross is what an error of ours may not exceed in the short form, which runs on any machine, busy as it may be.
const gross = 0.05

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "fidelity:", err)
		os.Exit(1)
	}
}

func run() error {
	seed := flag.Uint64("seed", 0, "the schedules' seed; 0 takes one by chance")
	n := flag.Int("n", 20, "requests of each scenario and peer")
	short := flag.Bool("short", false, "a few requests of a few scenarios; fails if gaptrace's errors are gross")
	asJSON := flag.Bool("json", false, "print all samples as JSON")
	scenarioName := flag.String("scenario", "", "only scenarios whose name matches")
	peerName := flag.String("peer", "", "only peers whose name matches")
	write := flag.String("write", "", "write fidelity.md and fidelity.svg into this folder")
	flag.Parse()
	onlyScenarios, err := regexp.Compile(*scenarioName)
	if err != nil {
		return err
	}
	onlyPeers, err := regexp.Compile(*peerName)
	if err != nil {
		return err
	}
	if *seed == 0 {
		*seed = rand.Uint64N(1 << 32)
	}
	if *short {
		*n = min(*n, 3)
	}
	fmt.Fprintln(os.Stderr, "seed", *seed)

	var chosen []scenario
	for _, s := range scenarios() {
		if onlyScenarios.MatchString(s.name) && (s.short || !*short) {
			chosen = append(chosen, s)
		}
	}
	peers := slices.DeleteFunc(peer.All(), func(p peer.Peer) bool { return !onlyPeers.MatchString(p.Name) })
	results, err := playAll(chosen, peers, *seed, *n, million)
	if err != nil {
		return err
	}
	if *asJSON {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "\t")
		err = encoder.Encode(results)
	} else {
		err = results.print(os.Stdout)
	}
	if *write != "" {
		err = errors.Join(err, results.write(*write))
	}
	if *short {
		err = errors.Join(err, results.gross())
	}
	return err
}

// playAll plays n requests of each scenario with each peer that covers it, the peers by turns, in an order that changes. A
// million rows are so many.
func playAll(scenarios []scenario, peers []peer.Peer, seed uint64, n, rows int) (*results, error) {
	// Garbage is collected between the requests.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	on, err := newStage(rows)
	if err != nil {
		return nil, err
	}
	defer on.close()
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	defer signal.Stop(interrupted)

	r := newResults(seed, n, peers)
	random := rand.New(rand.NewPCG(seed, 0))
	for _, s := range scenarios {
		fmt.Fprintln(os.Stderr, s.name)
		playing := slices.DeleteFunc(slices.Clone(peers), func(p peer.Peer) bool { return !s.covers(p) })
		requests := n
		if s.long {
			requests = max(1, n/4)
		}
		for i := range requests {
			select {
			case <-interrupted:
				return nil, errors.New("interrupted")
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
