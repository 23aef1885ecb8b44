// Package page holds what the pages of gap/report, gap/debug and gaptrace diff share: the style and
// the Content-Security-Policy. It also has the template of gap/report, and the parts that only
// gap/debug adds to it.
package page

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"io"
	"sync"

	"github.com/gaptrace/gaptrace/internal/printable"
)

// Site is what gap/debug adds to a page.
type Site struct {
	// Links are at the top of the page.
	Links []Link
	// TraceURL is the URL prefix for traces that this page does not draw; the trace id is appended.
	// If it is "", they are not linked.
	TraceURL string
	// Intro comes before everything else. Its tables look like those of the page.
	Intro template.HTML
}

// Writer is a writer through which gap/debug gives its Site to report's HTML. An option would be
// visible to users, who cannot name the type Site.
type Writer struct {
	io.Writer
	Site Site
}

// Link is a link to another page.
type Link struct {
	Text string
	URL  string // may be relative; the template drops schemes other than http, https and mailto
}

// Template returns the template of gap/report and gap/debug, page.html.
func Template() *template.Template { return parts().template }

// Style returns page.css.
func Style() template.CSS { return parts().style }

// Policy returns the Content-Security-Policy of all pages. A page loads nothing, runs no script,
// and has no style except its own.
func Policy() string { return parts().policy }

// AddHead adds the template "head" to t: the beginning of a page, up to its header. Its data has a
// Title, and the Style and Policy of this package.
func AddHead(t *template.Template) (*template.Template, error) { return t.ParseFS(files, "head.html") }

//go:embed head.html page.html page.css
var files embed.FS

// parts is evaluated at the first page, so that importing the package costs nothing.
var parts = sync.OnceValue(func() (p struct {
	template *template.Template
	style    template.CSS
	policy   string
},
) {
	style, err := files.ReadFile("page.css")
	if err != nil {
		panic(err) // it is embedded
	}
	functions := template.FuncMap{"duration": printable.Duration}
	p.template = template.Must(template.New("page.html").Funcs(functions).ParseFS(files, "head.html", "page.html"))
	p.style = template.CSS(style)
	sum := sha256.Sum256(style)
	// The empty data: image, see head.html, keeps browsers from asking for /favicon.ico.
	p.policy = "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; img-src data:; base-uri 'none'; form-action 'none'"
	return p
})
