package main

import (
	"embed"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed fidelity.md.tmpl fidelity.svg.tmpl results.md.tmpl
var templates embed.FS

// pages are the files that write makes, by template.
var pages = map[string]string{
	"fidelity.md.tmpl":  "docs/fidelity.md",
	"fidelity.svg.tmpl": "docs/fidelity.svg",
	"results.md.tmpl":   "bench/fidelity/results.md",
}

// write writes the pages and the plot into the repository at dir.
func (r *results) write(dir string) error {
	functions := template.FuncMap{"percent": percent, "heads": func() []string { return heads }, "join": strings.Join}
	for name, page := range pages {
		t, err := template.New(name).Funcs(functions).ParseFS(templates, name)
		if err != nil {
			return err
		}
		var b strings.Builder
		if err := t.Execute(&b, r); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(page)), []byte(b.String()), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// The templates call Verdict, Row, Cells, Cannot and the exported methods that follow.

// Scene is a scenario with its rows.
type Scene struct {
	Name, About string
	Rows        []*row
}

// Scenes returns the scenarios that were measured, in order.
func (r *results) Scenes() []Scene {
	abouts := map[string]string{}
	for _, s := range scenarios() {
		abouts[s.name] = s.about
	}
	var scenes []Scene
	for _, row := range r.Rows {
		if len(scenes) == 0 || scenes[len(scenes)-1].Name != row.Scenario {
			scenes = append(scenes, Scene{Name: row.Scenario, About: abouts[row.Scenario]})
		}
		last := &scenes[len(scenes)-1]
		last.Rows = append(last.Rows, row)
	}
	return scenes
}

// Names returns the peers, then the control.
func (r *results) Names() []string {
	var names []string
	for _, p := range r.Peers {
		names = append(names, p.Name)
	}
	return append(names, controlName)
}

// Mean returns the mean error of a scenario with a peer in percent, or a dash if the peer does not
// wrap the library.
func (r *results) Mean(scenario, peer string) string {
	if row := r.Row(scenario, peer); row != nil {
		return fmt.Sprintf("%.2f", 100*row.Mean)
	}
	return "—"
}

// The plot has a line for each scenario, a dot for each peer, and a logarithmic axis for the mean
// error.
const (
	plotLeft, plotRight = 190, 830
	plotTop, lineHeight = 62, 26
	least, most         = 0.0001, 1
)

// palette has a colour for each peer, in order. The control is grey.
var palette = []string{
	"#d62728", "#7f7f7f", "#1f77b4", "#2ca02c", "#98df8a", "#ff7f0e", "#ffbb78",
	"#8c564b", "#e377c2", "#bcbd22", "#9467bd",
}

// Dot is a mark in the plot, Line is the line of a scenario, and Tick is a label on the axis.
type (
	Dot struct {
		X, Y, Radius  float64
		Colour, Title string
	}
	Line struct {
		Y    float64
		Name string
	}
	Tick struct {
		X    float64
		Text string
	}
)

func across(value float64) float64 {
	part := math.Log(min(max(value, least), most)/least) / math.Log(most/least)
	return plotLeft + part*(plotRight-plotLeft)
}

// Width and Height return the size of the plot.
func (r *results) Width() int  { return plotRight + 30 }
func (r *results) Height() int { return plotTop + lineHeight*len(r.Scenes()) + 50 }

// Bottom returns the position of the axis.
func (r *results) Bottom() int { return r.Height() - 40 }

// Lines returns a line for each scenario.
func (r *results) Lines() (lines []Line) {
	for i, scene := range r.Scenes() {
		lines = append(lines, Line{plotTop + lineHeight*(float64(i)+0.5), scene.Name})
	}
	return lines
}

// Dots returns the marks, gaptrace's last so that they are on top.
func (r *results) Dots() []Dot {
	var dots, front []Dot
	for i, scene := range r.Scenes() {
		for _, row := range scene.Rows {
			dot := Dot{
				X: across(row.Mean), Y: plotTop + lineHeight*(float64(i)+0.5), Radius: 5, Colour: r.Colour(row.Peer),
				Title: fmt.Sprintf("%s, %s: %s", row.Scenario, row.Peer, percent(row.Mean)),
			}
			if row.Peer == ourName {
				dot.Radius = 6
				front = append(front, dot)
				continue
			}
			dots = append(dots, dot)
		}
	}
	return append(dots, front...)
}

// Colour returns the colour of a peer or the control.
func (r *results) Colour(peer string) string {
	for i, name := range r.Names() {
		if name == peer && peer != controlName {
			return palette[i%len(palette)]
		}
	}
	return "#c7c7c7"
}

// Ticks returns a label for each decade.
func (r *results) Ticks() (ticks []Tick) {
	for _, value := range []float64{0.0001, 0.001, 0.01, 0.1, 1} {
		ticks = append(ticks, Tick{across(value), fmt.Sprintf("%g %%", 100*value)})
	}
	return ticks
}

// Goal returns the position of one percent, the goal for gaptrace.
func (r *results) Goal() float64 { return across(0.01) }

// Legend returns a dot and a name for each colour.
func (r *results) Legend() (dots []Dot) {
	const perLine = 6
	for i, name := range r.Names() {
		dots = append(dots, Dot{
			X: 20 + 146*float64(i%perLine), Y: 16 + 20*float64(i/perLine),
			Radius: 5, Colour: r.Colour(name), Title: name,
		})
	}
	return dots
}
