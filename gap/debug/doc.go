// Package debug serves what a running program has recorded: which requests were slow, what the gaps in them are, and a profile of
// all gaps. It is to gaps what net/http/pprof is to profiles.
//
//	recorder := tracer.NewRecorder(0)
//	t, closer, err := tracer.New("bookshop", tracer.WithRecorder(recorder))
//	…
//	http.Handle("/debug/gaps/", debug.Handler(recorder))
//
// # Who may see it
//
// Nothing is served unless the program mounts it: importing the package does nothing. What it then shows is what the traces hold, which
// is names of services and operations, times and ids; not tags, and no logs. That is still nobody's business but
// the program's developers', and analysis takes CPU. So mount it where only they come: on a listener of its own,
//
//	go http.ListenAndServe("localhost:6060", mux)
//
// or behind whatever asks who is there:
//
//	mux.Handle("/debug/gaps/", onlyAdmins(debug.Handler(recorder)))
//
// Any place will do, behind [http.StripPrefix] or a proxy that changes paths as well, since all links are relative.
//
// # What is served
//
//   - the place itself: how many of the recent traces there are by operation and duration of their root, the worst gaps in them, and their
//     operations. A count links to the traces that it counts: ?service=…&operation=…&band=…, each of which may be missing. The bands are
//     0, 1ms, 10ms, 100ms and 1s, each the least of what it holds, and error, which holds traces with a span that failed.
//   - trace?id=…: one trace, as a waterfall. 404 says that it is no longer kept.
//   - profile: the gaps of the recent traces, for go tool pprof http://localhost:6060/debug/gaps/profile
//
// With format=json, perfetto, pprof or text each of them is what package report writes in that form; html is the default, and profile's is
// pprof. The parameters that choose traces are for all forms.
//
// # What it costs
//
// Nothing until it is asked. One request at a time is worked on, from the first span to the last byte; the others wait for their turn as
// long as their clients do, and what a client has gone away from is given up. The answer then waits in memory for its client, and nobody
// for a slow one. Lists and waterfalls have bounds; JSON and Perfetto's form draw of the ten worst traces as many as are sure to have
// no more than 20,000 spans together, and one in any case; no answer has more than 64 MiB. Nothing can be changed by a request, and only
// GET and HEAD are answered.
package debug
