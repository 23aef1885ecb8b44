package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/gaptrace/gaptrace/bench/internal/peer"
	"github.com/uber/jaeger-client-go"
)

// figure is a call's cost in a round.
type figure struct {
	Case              string
	State             State
	NS, Bytes, Allocs float64
}

// wovenPlan is the plan for a woven child process.
type wovenPlan struct {
	plan
	Cases []string // their titles
}

// buildWoven builds this program with gaptrace build, so that its raw clients are woven.
func buildWoven(dir string) (program string, err error) {
	program = filepath.Join(dir, "cost")
	const module = "github.com/gaptrace/gaptrace"
	cmd := exec.Command("go", "run", module+"/cmd/gaptrace", "build", "-o", program, module+"/bench/cost")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("gaptrace build: %w", err)
	}
	return program, nil
}

// woven is a child process that makes the raw calls of the cases with woven clients.
type woven struct {
	*child
	cells map[string][]*cell // by the case's title and the state
}

// buildAndStartWoven builds and starts a woven child process for these cases.
func buildAndStartWoven(all []*measured, p plan) (*woven, error) {
	dir, err := os.MkdirTemp("", "cost")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) // a process that runs does not need its file
	program, err := buildWoven(dir)
	if err != nil {
		return nil, err
	}
	return startWoven(program, all, p)
}

// startWoven starts program, which buildWoven has built.
func startWoven(program string, all []*measured, p plan) (*woven, error) {
	w := &woven{cells: map[string][]*cell{}}
	var titles []string
	for _, m := range all {
		if m.Woven {
			titles = append(titles, m.title())
		}
	}
	input, err := json.Marshal(wovenPlan{p, titles})
	if err != nil {
		return nil, err
	}
	if w.child, err = startProgram(program, asWoven, nil, append(input, '\n')); err != nil {
		return nil, err
	}
	return w, nil
}

// round measures each call once.
func (w *woven) round() error {
	if _, err := fmt.Fprintln(w.in); err != nil {
		return err
	}
	var figures []figure
	line, err := w.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &figures)
	}
	for _, f := range figures {
		cells := w.cells[f.Case]
		if cells == nil {
			for s := range states {
				cells = append(cells, &cell{contender: wovenName, state: s})
			}
			w.cells[f.Case] = cells
		}
		c := cells[f.State]
		c.ns, c.bytes, c.allocs = append(c.ns, f.NS), append(c.bytes, f.Bytes), append(c.allocs, f.Allocs)
	}
	return err
}

// addTo adds the cells to the cases, next to gaptrace's.
func (w *woven) addTo(all []*measured) {
	for _, m := range all {
		at := slices.IndexFunc(m.cells, func(c *cell) bool { return c.contender == ourName })
		m.cells = slices.Insert(m.cells, at+int(states), w.cells[m.title()]...)
	}
}

// serveWoven is the main function of a woven child process. It measures a round for each line of
// input.
func serveWoven(stdin io.Reader, stdout io.Writer) error {
	in := bufio.NewReader(stdin)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return err
	}
	var p wovenPlan
	if err := json.Unmarshal(line, &p); err != nil {
		return err
	}
	runtime.GOMAXPROCS(1)
	t := tracers{peer.OpenTracing: openJaeger(jaeger.NewNullReporter(), func() {})}
	defer t.close()
	var all []*measured
	for _, c := range cases() {
		if !slices.Contains(p.Cases, c.title()) {
			continue
		}
		if len(recorded(c, c.wrappedBy(named(rawName)))) == 0 {
			return fmt.Errorf("%s: not woven", c.title())
		}
		m := &measured{Case: c}
		m.add(wovenName, t[peer.OpenTracing], c.wrappedBy(named(rawName)))
		all = append(all, m)
	}
	for _, m := range all {
		for _, c := range m.cells {
			c.calibrate(p.plan)
		}
	}
	out := json.NewEncoder(stdout)
	fmt.Fprintln(stdout, "ready")
	for {
		if _, err := in.ReadByte(); err != nil {
			return nil
		}
		var figures []figure
		for _, m := range all {
			m.clients[0].renew()
			for _, c := range m.cells {
				c.round(p.plan)
				last := len(c.ns) - 1
				figures = append(figures, figure{m.title(), c.state, c.ns[last], c.bytes[last], c.allocs[last]})
			}
		}
		if err := out.Encode(figures); err != nil {
			return err
		}
	}
}
