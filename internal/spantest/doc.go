// Package spantest is for tests. Its [Tracer] keeps spans in memory, draws them as an indented
// tree, and reports every misuse of a span. [Under], [WantTree] and [WantUnder] are the usual way:
//
//	tracer, ctx, parent := spantest.Under(t)
//	client := nethttp.WrapClient(nil, gaptrace.WithTracer(tracer))
//	req := spantest.Must(http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil))(t)
//	resp := spantest.Must(client.Do(req))(t)
//	resp.Body.Close()
//	spantest.WantUnder(t, tracer, parent, "  HTTP GET component=net/http …\n")
package spantest
