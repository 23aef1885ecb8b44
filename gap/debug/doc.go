// Package debug serves the traces that a running program has recorded: the slow requests, their
// gaps, and a profile of all gaps. Mount it as you would mount net/http/pprof.
//
//	recorder := tracer.NewRecorder(0)
//	t, closer, err := tracer.New("bookshop", tracer.WithRecorder(recorder))
//	…
//	http.Handle("/debug/gaps/", debug.Handler(recorder))
//
// # Access
//
// Importing the package does nothing; the program has to mount the handler. The pages show names of
// services and operations, times and ids, but no tags and no logs. format=jaeger also shows the
// tags that analysis needs or, with [WithTags], all tags and logs. The page ./ also names client
// libraries, and lines of the program that call them without a parent span. The page explain also
// shows stacks: functions, files and lines of the program. Give access only to the program's
// developers. Analysis also takes CPU time. Mount the handler on a listener of its own,
//
//	go http.ListenAndServe("localhost:6060", mux)
//
// or protect it:
//
//	mux.Handle("/debug/gaps/", onlyAdmins(debug.Handler(recorder)))
//
// All links are relative, so the handler works at any path. docs/debug.md says how to mount it with
// [http.StripPrefix], and what a request costs.
//
// # Pages
//
//   - ./ counts the recorded traces by the operation and the duration of their root, and lists the
//     worst gaps and the operations. ./?service=…&operation=…&bucket=… shows only the traces whose
//     root matches; each parameter is optional. The buckets 0, 1ms, 10ms, 100ms and 1s are ranges
//     of durations, named after their least. The bucket error has the traces in which a span
//     failed. Without parameters, the page also lists what no span covers: client libraries that
//     are linked but not wrapped, and calls without a parent span.
//   - trace?id=… shows one trace as a waterfall, or 404 if it is not kept.
//   - profile returns the gaps of the recorded traces for go tool pprof. It takes the parameters of
//     ./, too.
//   - explain says what the program did in the gaps of the traces that ended in the last 10
//     seconds; window=5s sets another window. It takes the parameters of ./, too. explain?id=…
//     explains one trace. Both need [WithExplainer].
//
// Add format=html, json, perfetto, pprof or text to choose a format of package report. The default
// is pprof for profile, and html for the others. format=jaeger returns the spans in Jaeger's JSON:
// upload them to Jaeger's UI, or let gaptrace report read them from http://host/debug/gaps/.
//
// # Slow requests
//
// [SaveSlow] saves the execution trace and the spans of slow requests to files, also when nobody
// watches a page. docs/debug.md says what recording costs, and when not to leave it on.
package debug
