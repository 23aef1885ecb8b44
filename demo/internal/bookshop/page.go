package bookshop

import (
	_ "embed"
	"fmt"
	htmltemplate "html/template"
)

// content is the content of the page of a book.
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

// offer is the offer of a warehouse, as the supplier sends it.
type offer struct {
	Warehouse string `json:"warehouse"`
	Copies    int    `json:"copies"`
	Cents     int    `json:"cents"`
	Seal      string `json:"seal"`
}

const sealRounds = 10_000

// text is the text that the seal signs.
func (o offer) text() string { return fmt.Sprintf("%s %d %d", o.Warehouse, o.Copies, o.Cents) }

// Price formats the price for the page.
func (o offer) Price() string { return fmt.Sprintf("€ %d.%02d", o.Cents/100, o.Cents%100) }

//go:embed page.html
var source string

var template = htmltemplate.Must(htmltemplate.New("page").Parse(source))
