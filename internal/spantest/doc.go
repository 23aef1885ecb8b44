// Package spantest is for tests. Its [Tracer] keeps spans in memory, draws them as an indented
// tree, and reports every misuse of a span. [Under], [WantTree] and [WantUnder] are the usual way:
//
//	tracer, ctx, parent := spantest.Under(t)
//	client := nethttp.WrapClient(nil, gaptrace.WithTracer(tracer))
//	resp := spantest.Must(nethttp.Get(ctx, client, server.URL))(t)
//	resp.Body.Close()
//	spantest.WantUnder(t, tracer, parent, "  HTTP GET component=net/http …\n")
package spantest
