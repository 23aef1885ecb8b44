package literals

import (
	"net/http"
	"time"
)

func clients() {
	use(http.Client{})                     // want `GT101`
	use(http.Client{Timeout: time.Second}) // want `GT101`
	use(http.Client{Timeout: time.Second}) // want `GT101`
	use(http.Client{                       // want `GT101`
		Timeout: time.Second,
	})
	use(http.Client{ // want `GT101`
		Timeout: time.Second, // long enough
		Jar:     nil,         // none
	})
	use(http.Client{ // want `GT101`
		Timeout: time.Second})
	use(http.Client{ // want `GT101`
	})
	use(http.Client{ // want `GT101`
		// Nothing is set.
	})
	use(http.Client{Transport: nil})                  // want `GT101`
	use(http.Client{nil, nil, nil, 0})                // want `GT101`
	use(http.Client{Transport: http.DefaultTransport, // want `GT101`
		Timeout: time.Second})
}

func use(http.Client) {}

func elided() {
	_ = []http.Client{{}, {Timeout: time.Second}}           // want `GT101` `GT101`
	_ = []*http.Client{{Timeout: time.Second}}              // want `GT101`
	_ = map[string]*http.Client{"a": {}}                    // want `GT101`
	_ = map[string]http.Client{"a": {Timeout: time.Second}} // want `GT101`
	_ = [...]struct{ c *http.Client }{{c: &http.Client{}}}  // want `GT101`
	_ = [...]struct{ c *http.Client }{{&http.Client{}}}     // want `GT101`
}
