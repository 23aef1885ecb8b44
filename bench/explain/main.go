// Command explain measures how exact package explain is.
//
//	go run ./bench/explain [-seed N] [-requests N] [-scenario regexp] [-keep folder]
//	go run ./bench/explain -short
//	go run ./bench/explain -cost
//	go run ./bench/explain -speed
//	go run ./bench/explain -write .
//
// Each scenario is a request that does known things in its gaps, for random durations. The request
// measures them with clocks of its own. Package explain finds the causes in the execution trace.
// The error is the part of a gap whose cause is wrong.
//
// With -cost it measures what recording costs a request, and with -speed how fast an execution
// trace is explained.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
)

//go:generate go run . -write ../..

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "explain:", err)
		os.Exit(1)
	}
}

// flags select what to measure and what to do with the results.
type flags struct {
	seed        uint64
	requests    int
	short       bool
	gaps        bool
	cost, speed bool
	scenario    string
	keep, write string
}

func run(args []string, stdout, stderr io.Writer) error {
	if process := childProcess(args); process != nil {
		return process(args[1:], os.Stdin, stdout)
	}
	var f flags
	set := flag.NewFlagSet("explain", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.Uint64Var(&f.seed, "seed", 0, "the `seed` of the durations; 0 for a random one")
	set.IntVar(&f.requests, "requests", 20, "make `N` requests of each scenario")
	set.BoolVar(&f.short, "short", false,
		"make a few requests of a few scenarios, and fail if the explanations are grossly wrong")
	set.BoolVar(&f.gaps, "gaps", false, "print each gap, with the true causes and the parts of its explanation")
	set.BoolVar(&f.cost, "cost", false, "measure what recording costs a request")
	set.BoolVar(&f.speed, "speed", false, "measure how fast an execution trace of 100 MB is explained")
	set.StringVar(&f.scenario, "scenario", "", "measure only the scenarios whose name matches this `regexp`")
	set.StringVar(&f.keep, "keep", "", "keep the execution trace of each scenario in this `folder`")
	set.StringVar(&f.write, "write", "",
		"measure all, and write docs/explain.svg, bench/explain/results.md and the figures in docs/explain.md in this `folder`")
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
	return f.run(stdout, stderr)
}

// run measures what the flags select.
func (f *flags) run(stdout, stderr io.Writer) error {
	all := document{}
	if f.scenarios() {
		chosen, err := f.choose()
		if err != nil {
			return err
		}
		fmt.Fprintln(stderr, "seed", f.seed)
		r, err := measureAll(chosen, f, stderr)
		if r == nil {
			return err
		}
		if f.gaps {
			r.printGaps(stdout)
		}
		if err = errors.Join(r.print(stdout), err); err != nil {
			return err
		}
		if f.short {
			return r.gross()
		}
		all.results = r
	}
	if f.cost || f.write != "" {
		costs, err := measureCosts(stderr)
		if err != nil {
			return err
		}
		if err := costs.print(stdout); err != nil {
			return err
		}
		all.Costs = costs
	}
	if f.speed || f.write != "" {
		speed, err := measureSpeed(stderr)
		if err != nil {
			return err
		}
		if err := speed.print(stdout); err != nil {
			return err
		}
		all.Speed = speed
	}
	if f.write != "" {
		return all.write(f.write)
	}
	return nil
}

// scenarios reports whether the scenarios are measured.
func (f *flags) scenarios() bool { return !f.cost && !f.speed }

// check refuses flags that make no sense before minutes are spent on them, and chooses a random
// seed.
func (f *flags) check() error {
	switch {
	case f.requests < 1:
		return fmt.Errorf("-requests %d: want at least one", f.requests)
	case f.write != "" && (f.scenario != "" || f.short || f.cost || f.speed):
		return errors.New("-write measures everything: combine it only with -seed, -requests and -keep")
	case (f.cost || f.speed) && (f.scenario != "" || f.short || f.keep != ""):
		return errors.New("-cost and -speed measure no scenarios: combine them only with each other")
	}
	for name, folder := range map[string]string{"-write": f.write, "-keep": f.keep} {
		if folder == "" {
			continue
		}
		if info, err := os.Stat(folder); err != nil || !info.IsDir() {
			return fmt.Errorf("%s %s: no such folder", name, folder)
		}
	}
	if f.seed == 0 {
		f.seed = rand.Uint64N(1 << 32)
	}
	return nil
}

// choose selects scenarios by name.
func (f *flags) choose() (chosen []scenario, err error) {
	byName, err := regexp.Compile(f.scenario)
	if err != nil {
		return nil, fmt.Errorf("-scenario %s: %w", f.scenario, err)
	}
	var names []string // of all that could be chosen
	for _, s := range scenarios() {
		if f.short && !s.short {
			continue
		}
		names = append(names, s.name)
		if byName.MatchString(s.name) {
			chosen = append(chosen, s)
		}
	}
	if len(chosen) == 0 {
		err = fmt.Errorf("-scenario %s: no scenario matches; scenarios are: %s", f.scenario, strings.Join(names, "; "))
	}
	return chosen, err
}
