// A service in Node. It starts a server, and then each of its clients calls the service at URL, which
// must call the server back. It prints a line of JSON for the trace context that each client sends,
// and for the one that the server receives. Spans go to the Jaeger at COLLECTOR.
//
//	node peer.js URL COLLECTOR
const http = require('http');
const {URL} = require('url');
const opentracing = require('opentracing');
const jaeger = require('jaeger-client');
const otel = require('@opentelemetry/api');
const {B3Propagator, B3InjectEncoding} = require('@opentelemetry/propagator-b3');

const [url, collector] = process.argv.slice(2);
const print = o => console.log(JSON.stringify(o));

// The last release of jaeger-client, set up for B3 as in its documentation.
const {ZipkinB3TextMapCodec} = jaeger;
const tracer = jaeger.initTracer(
	{
		serviceName: 'node',
		sampler: {type: 'const', param: 1},
		// Only close sends: it drops a request that the interval has started.
		reporter: {collectorEndpoint: collector, flushIntervalMs: 3600000},
	},
	{logger: {info() {}, error(m) { console.error(m); }}});
const codec = new ZipkinB3TextMapCodec({urlEncoding: true});
tracer.registerInjector(opentracing.FORMAT_HTTP_HEADERS, codec);
tracer.registerExtractor(opentracing.FORMAT_HTTP_HEADERS, codec);

const jaegerPeer = prepare => ({
	inject(headers) {
		const span = tracer.startSpan('node client', {tags: {[opentracing.Tags.SPAN_KIND]: 'client'}});
		prepare(span);
		tracer.inject(span, opentracing.FORMAT_HTTP_HEADERS, headers);
		const c = span.context();
		return {
			trace: c.traceIdStr, span: c.spanIdStr, sampled: c.isSampled(), debug: c.isDebug(),
			finish: () => span.finish(),
		};
	},
	extract(headers) {
		const c = tracer.extract(opentracing.FORMAT_HTTP_HEADERS, headers);
		const span = tracer.startSpan('node server', {childOf: c, tags: {[opentracing.Tags.SPAN_KIND]: 'server'}});
		span.finish();
		return {trace: c.traceIdStr, parent: c.spanIdStr, sampled: c.isSampled(), debug: c.isDebug()};
	},
});

// OpenTelemetry's propagator without its SDK, so it creates no spans.
const setter = {set: (carrier, key, value) => { carrier[key] = value; }};
const getter = {get: (carrier, key) => carrier[key.toLowerCase()], keys: Object.keys};
const otelPeer = (injectEncoding, traceFlags, debug) => {
	const propagator = new B3Propagator({injectEncoding});
	return {
		inject(headers) {
			let c = otel.ROOT_CONTEXT;
			const id = {traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags};
			if (debug) { // only the propagator itself can set the flag, by extracting it
				c = propagator.extract(c, {'x-b3-traceid': id.traceId, 'x-b3-spanid': id.spanId, 'x-b3-flags': '1'}, getter);
			} else {
				c = otel.trace.setSpanContext(c, id);
			}
			propagator.inject(c, headers, setter);
			return {
				trace: id.traceId, span: id.spanId, sampled: debug || traceFlags === 1,
				debug: headers['x-b3-flags'] === '1', // in a single header the propagator omits it
				finish() {},
			};
		},
		extract(headers) {
			const c = otel.trace.getSpanContext(propagator.extract(otel.ROOT_CONTEXT, headers, getter));
			const sampled = (c.traceFlags & 1) === 1;
			return {trace: c.traceId, parent: c.spanId, sampled, debug: headers['x-b3-flags'] === '1'};
		},
	};
};

const peers = {
	'jaeger-client': jaegerPeer(() => {}),
	'jaeger-client, unsampled': jaegerPeer(span => span.setTag(opentracing.Tags.SAMPLING_PRIORITY, 0)),
	'jaeger-client, debug': jaegerPeer(span => span.setTag(opentracing.Tags.SAMPLING_PRIORITY, 1)),
	'opentelemetry': otelPeer(B3InjectEncoding.MULTI_HEADER, 1, false),
	'opentelemetry, unsampled': otelPeer(B3InjectEncoding.MULTI_HEADER, 0, false),
	'opentelemetry, debug': otelPeer(B3InjectEncoding.MULTI_HEADER, 1, true),
	'opentelemetry, single': otelPeer(B3InjectEncoding.SINGLE_HEADER, 1, false),
	'opentelemetry, single, unsampled': otelPeer(B3InjectEncoding.SINGLE_HEADER, 0, false),
	'opentelemetry, single, debug': otelPeer(B3InjectEncoding.SINGLE_HEADER, 1, true),
};

const server = http.createServer((req, res) => {
	const name = decodeURIComponent(req.url.slice(1));
	print({peer: name, side: 'server', ...peers[name].extract(req.headers), headers: req.headers});
	res.end('ok');
});

server.listen(0, '127.0.0.1', async () => {
	for (const name of Object.keys(peers)) {
		const headers = {};
		const {finish, ...sent} = peers[name].inject(headers);
		print({peer: name, side: 'client', ...sent, headers});
		const back = `http://127.0.0.1:${server.address().port}/${encodeURIComponent(name)}`;
		await new Promise((resolve, reject) => {
			http.get(new URL('/?back=' + encodeURIComponent(back), url), {headers}, res => {
				res.resume();
				res.on('end', resolve);
			}).on('error', reject);
		});
		finish();
	}
	server.close();
	tracer.close(() => process.exit(0));
});
