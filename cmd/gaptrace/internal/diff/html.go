package diff

import (
	_ "embed"
	"html/template"
	"io"
	"sync"
	"time"

	"github.com/gaptrace/gaptrace/internal/page"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// HTMLOptions are the options of [Diff.HTML].
type HTMLOptions struct {
	Names [2]string // of the inputs before and after
	All   bool      // also list the places that did not change
	Rows  int       // list at most this many places; 0 for all
}

// HTML writes the comparison as a page. It loads nothing and has no JavaScript.
func (d *Diff) HTML(w io.Writer, o HTMLOptions) error {
	rows, more, same := d.listed(o.All, o.Rows)
	p := htmlPage{Diff: d, Unlisted: d.unlisted(more, same)}
	p.Title = "Gaps of " + printable.Name(o.Names[0]) + " and " + printable.Name(o.Names[1])
	for i := range rows {
		p.Rows = append(p.Rows, &rows[i])
	}
	return pageTemplate().Execute(w, p)
}

// htmlPage is what the template sees.
type htmlPage struct {
	*Diff
	Title    string
	Rows     []*Row
	Unlisted []string
}

// Style returns the style sheet.
func (htmlPage) Style() template.CSS { return page.Style() }

// Policy returns the Content-Security-Policy.
func (htmlPage) Policy() string { return page.Policy() }

// MaxValues returns how many values of a place are compared.
func (htmlPage) MaxValues() int { return maxValues }

// CriticalChange returns by how much the critical self time of a trace changed.
func (p htmlPage) CriticalChange() time.Duration { return p.After.Critical - p.Before.Critical }

//go:embed page.html
var pageSource string

var pageTemplate = sync.OnceValue(func() *template.Template {
	functions := template.FuncMap{"duration": printable.Duration, "signed": Signed}
	t := template.Must(page.AddHead(template.New("page.html").Funcs(functions)))
	return template.Must(t.Parse(pageSource))
})
