package bookshop

import (
	_ "embed"
	"fmt"
	htmltemplate "html/template"
)

// content is what the page of a book shows.
type content struct {
	Book    Book
	Ticket  string // to download an excerpt
	Reviews []review
	Similar []Book
	Offers  []offer
}

type review struct {
	Reader string
	Stars  int
	Body   string
}

// offer is one warehouse's, as the supplier sends it.
type offer struct {
	Warehouse string `json:"warehouse"`
	Copies    int    `json:"copies"`
	Cents     int    `json:"cents"`
	Seal      string `json:"seal"`
}

const sealRounds = 10_000

// text is what the seal stands for.
func (o offer) text() string { return fmt.Sprintf("%s %d %d", o.Warehouse, o.Copies, o.Cents) }

// Price is for the page.
func (o offer) Price() string { return fmt.Sprintf("€ %d.%02d", o.Cents/100, o.Cents%100) }

//go:embed page.html
var source string

var template = htmltemplate.Must(htmltemplate.New("page").Parse(source))
