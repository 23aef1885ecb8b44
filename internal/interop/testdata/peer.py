"""A service in Python, with jaeger-client, B3 and grpcio-opentracing. It starts a server, and then each
of its clients calls the service at ADDRESS, which must call the server back. It prints a line of JSON
for the trace context that each client sends, and for the one that the server receives.

    peer.py ADDRESS AGENT_HOST AGENT_PORT
"""
import json
import sys
import time
from concurrent import futures

import grpc
import grpc_opentracing
from grpc_opentracing import grpcext
from jaeger_client import Config
from opentracing.ext import tags

address, agent_host, agent_port = sys.argv[1:]


def print_line(**line):
    print(json.dumps(line), flush=True)


tracer = Config(
    config={
        'sampler': {'type': 'const', 'param': 1},
        'propagation': 'b3',
        'local_agent': {'reporting_host': agent_host, 'reporting_port': agent_port},
        'reporter_flush_interval': 0.1,
        'generate_128bit_trace_id': True,
    },
    service_name='python', validate=True).initialize_tracer()


def context_of(span):
    c = span.context
    return dict(trace='%032x' % c.trace_id, span='%016x' % c.span_id, parent='%016x' % (c.parent_id or 0),
                sampled=bool(c.flags & 1), debug=bool(c.flags & 2))


class Source(grpc_opentracing.ActiveSpanSource):
    span = None

    def get_active_span(self):
        return self.span


# Messages are plain bytes, so that neither side needs a .proto.
def called_back(request, context):
    print_line(peer=request.decode(), side='server', **context_of(context.get_active_span()),
               headers={k: v for k, v in context.invocation_metadata() if 'b3' in k})
    return b'ok'


server = grpcext.intercept_server(
    grpc.server(futures.ThreadPoolExecutor(4)),
    grpc_opentracing.open_tracing_server_interceptor(tracer))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
    'gaptrace.Python', {'CallBack': grpc.unary_unary_rpc_method_handler(called_back)}),))
port = server.add_insecure_port('127.0.0.1:0')
server.start()

source = Source()
channel = grpcext.intercept_channel(
    grpc.insecure_channel(address),
    grpc_opentracing.open_tracing_client_interceptor(tracer, active_span_source=source))
call = channel.unary_unary('/gaptrace.Go/Call')

for peer, priority in {'sampled': None, 'unsampled': 0, 'debug': 1}.items():
    with tracer.start_span('python handler') as span:
        if priority is not None:
            span.set_tag(tags.SAMPLING_PRIORITY, priority)
        source.span = span
        print_line(peer=peer, side='client', **context_of(span))
        call(peer.encode() + b' 127.0.0.1:%d' % port, timeout=30)

server.stop(None)
closed = tracer.close()
while not closed.done():  # the reporter's thread sends
    time.sleep(0.01)
