// Package debug serves the traces that a running program has recorded: the slow requests, their
// gaps, and a profile of all gaps. It is to gaps what net/http/pprof is to profiles.
//
//	recorder := tracer.NewRecorder(0)
//	t, closer, err := tracer.New("bookshop", tracer.WithRecorder(recorder))
//	…
//	http.Handle("/debug/gaps/", debug.Handler(recorder))
//
// # Access
//
// Importing the package does nothing; the program has to mount the handler. It shows names of
// services and operations, times and ids, but no tags and no logs. That is for the program's
// developers only, and analysis takes CPU. So mount it on a listener of its own,
//
//	go http.ListenAndServe("localhost:6060", mux)
//
// or protect it:
//
//	mux.Handle("/debug/gaps/", onlyAdmins(debug.Handler(recorder)))
//
// All links are relative. So the handler works at any path, with [http.StripPrefix], and behind a
// proxy that changes paths.
//
// # Pages
//
//   - ./ counts the recent traces by the operation and the duration of their root, and lists the
//     worst gaps and the operations. ./?service=…&operation=…&bucket=… shows only the traces that
//     match; each parameter is optional. The buckets are 0, 1ms, 10ms, 100ms and 1s, each named
//     after its least duration, and error for traces in which a span failed.
//   - trace?id=… shows one trace as a waterfall, or 404 if it is not kept.
//   - profile returns the gaps of the recent traces for go tool pprof.
//
// Add format=html, json, perfetto, pprof or text to choose a format of package report. The default
// is html, and pprof for profile.
//
// # Cost
//
// The handler works only during a request, and on one request at a time. Other requests wait, and
// those whose client is gone are dropped. A finished answer waits in memory for its client, so a
// slow client delays nobody.
//
// Lists and waterfalls are bounded. JSON and Perfetto's format draw the ten worst traces, fewer if
// these could have more than 20,000 spans, and at least one. An answer has at most 64 MiB.
package debug
