package gap_test

import (
	"testing"
)

func TestClasses(t *testing.T) {
	check(t, map[string]drawing{
		"any kind except client: self": {
			spans: "A [0,1) server\n B [1,2) internal\n C [2,3) producer\n D [3,4) consumer\n E [4,5) SERVER\n " +
				"F [5,6) whatever",
			gaps: "A self [0,1), B self [1,2), C self [2,3), D self [3,4), E self [4,5), F self [5,6)",
		},
		"a client around its server: wire": {
			spans: "A [0,10) client\n B [2,8) <A server", gaps: "A wire [0,2), A wire [8,10), B self [2,8)",
		},
		"a client around a detached server: still wire": {
			spans: "A [0,10) client\n B [12,18) <A server", gaps: "A wire [0,10), B self [12,18)",
		},
		"a childless client: remote": {spans: "A [0,10) client", gaps: "A remote [0,10)"},
		"a client around another client: remote": {
			spans: "A [0,10) client\n B [2,8) <A client\n C [3,7) server <B",
			gaps:  "A remote [0,2), A remote [8,10), B wire [2,3), B wire [7,8), C self [3,7)",
		},
		"a server that only follows from the client: remote": {
			spans: "A [0,10) client\n B [2,8) ~A server", gaps: "A remote [0,10), B self [2,8)",
		},
		"of a kind that is set twice the last counts": {
			spans: "A [0,10) server client", gaps: "A remote [0,10)",
		},
		"a server below a span that is no client": {
			spans: "A [0,10)\n B [2,8) server <A", gaps: "A self [0,2), A self [8,10), B self [2,8)",
		},
	})
}
