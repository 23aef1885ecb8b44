package searchclient

import (
	"log"

	"github.com/elastic/go-elasticsearch/v8"
)

func newClient() {
	es, err := elasticsearch.NewClient(elasticsearch.Config{}) // want `GT104: elasticsearch.NewClient: the client is not wrapped; wrap it with gapes.Wrap`
	if err != nil {
		log.Fatal(err)
	}
	use(es)
}

func newDefaultClient() error {
	es, err := elasticsearch.NewDefaultClient() // want `GT104: elasticsearch.NewDefaultClient: .*; wrap it with gapes.Wrap`
	if err != nil {
		return err
	}
	use(es)
	return nil
}

func newTypedClient() {
	es, err := elasticsearch.NewTypedClient(elasticsearch.Config{}) // want `GT104: elasticsearch.NewTypedClient: .*; wrap it with gapes.WrapTyped`
	if err != nil {
		panic(err)
	}
	use(es)
}

type service struct{ es *elasticsearch.Client }

func field(s *service) (err error) {
	s.es, err = elasticsearch.NewDefaultClient() // want `GT104: .*; wrap it with gapes.Wrap`
	if err != nil {
		return
	}
	return
}

func returned() (*elasticsearch.Client, error) {
	return elasticsearch.NewDefaultClient() // want `GT104: .*; wrap it with gapes.Wrap`
}

func notChecked() {
	es, _ := elasticsearch.NewDefaultClient() // want `GT104: .*; wrap it with gapes.Wrap`
	use(es)
}

func checkedLater() {
	es, err := elasticsearch.NewDefaultClient() // want `GT104: .*; wrap it with gapes.Wrap`
	log.Print("made")
	if err != nil {
		return
	}
	use(es)
}

func checkedInStatement() {
	if es, err := elasticsearch.NewDefaultClient(); err == nil { // want `GT104: .*; wrap it with gapes.Wrap`
		use(es)
	}
}

func goesOn() {
	es, err := elasticsearch.NewDefaultClient() // want `GT104: .*; wrap it with gapes.Wrap`
	if err != nil {
		log.Print(err)
	}
	use(es)
}

func use(any) {}
