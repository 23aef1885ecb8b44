package tracer

// key is what a path in a YAML document stands for. See docs/tracer.md for where each is from.
type key struct {
	path, also string
	variable   string
	form       form
}

// form is how a value is written in YAML, where that is not as in the variable.
type form int

const (
	scalar   form = iota
	boolean       // as YAML and Python have them: yes, on
	not           // a boolean, the other way round
	seconds       // a number of seconds, or a duration with its unit
	millis        // a number of milliseconds
	numeric       // a number, or a boolean for 1 and 0
	items         // of texts, or one text
	hostPort      // of the agent
	section       // there are keys below
	mapping       // the keys below are the user's
	fixed         // variable is the one value that there is
	nothing       // known, but not to be honoured; variable says why
)

// keys are all that a document may say. Case, _ and - do not matter.
var keys = []key{
	{"service_name", "", "JAEGER_SERVICE_NAME", scalar},
	{"enabled", "", "JAEGER_DISABLED", not},
	{"disabled", "", "JAEGER_DISABLED", boolean},
	{"logging", "", "JAEGER_REPORTER_LOG_SPANS", boolean},
	{"metrics", "rpc_metrics", "JAEGER_RPC_METRICS", boolean},
	{"propagation", "", "JAEGER_PROPAGATION", items},
	{"generate_128bit_trace_id", "traceid_128bit", "JAEGER_TRACEID_128BIT", boolean},
	{"use_trace_id_128bit", "", "JAEGER_TRACEID_128BIT", boolean},
	{"tags", "tracer_tags", "", mapping},
	{"reporter_batch_size", "", "reporter_batch_size", scalar},
	{"reporter_queue_size", "", "JAEGER_REPORTER_MAX_QUEUE_SIZE", scalar},
	{"reporter_flush_interval", "", "JAEGER_REPORTER_FLUSH_INTERVAL", seconds},
	{"sampling_refresh_interval", "", "JAEGER_SAMPLER_REFRESH_INTERVAL", seconds},
	{"max_operations", "", "JAEGER_SAMPLER_MAX_OPERATIONS", scalar},
	{"max_tag_value_length", "", "max_tag_value_length", scalar},
	{"max_traceback_length", "", "max_traceback_length", scalar},
	{"trace_id_header", "", "uber-trace-id", fixed},
	{"baggage_header_prefix", "", "uberctx-", fixed},
	{"debug_id_header", "", "jaeger-debug-id", fixed},
	{"throttler", "", "its credits came from jaeger-agent, which is gone", nothing},
	{"baggage_restrictions", "", "they came from jaeger-agent, which is gone", nothing},
	{"headers", "", "the names of headers are fixed", nothing},

	{"local_agent", "", "", section},
	{"local_agent.enabled", "", "true", fixed},
	{"local_agent.reporting_host", "", "JAEGER_AGENT_HOST", scalar},
	{"local_agent.reporting_port", "", "JAEGER_AGENT_PORT", scalar},
	{"local_agent.sampling_port", "", "sampling_port", scalar},

	{"sampler", "sampler_config", "", section},
	{"sampler.type", "", "JAEGER_SAMPLER_TYPE", scalar},
	{"sampler.param", "", "JAEGER_SAMPLER_PARAM", numeric},
	{"sampler.manager_host_port", "", "JAEGER_SAMPLER_MANAGER_HOST_PORT", scalar},
	{"sampler.sampling_endpoint", "sampler.sampling_server_url", "JAEGER_SAMPLING_ENDPOINT", scalar},
	{"sampler.max_operations", "", "JAEGER_SAMPLER_MAX_OPERATIONS", scalar},
	{"sampler.refresh_interval", "sampler.sampling_refresh_interval", "JAEGER_SAMPLER_REFRESH_INTERVAL", seconds},
	{"sampler.operation_name_late_binding", "", "an operation has its name when its span starts", nothing},

	{"reporter", "reporter_config", "", section},
	{"reporter.log_spans", "", "JAEGER_REPORTER_LOG_SPANS", boolean},
	{"reporter.queue_size", "reporter.max_queue_size", "JAEGER_REPORTER_MAX_QUEUE_SIZE", scalar},
	{"reporter.batch_size", "", "reporter_batch_size", scalar},
	{"reporter.flush_interval", "reporter.buffer_flush_interval", "JAEGER_REPORTER_FLUSH_INTERVAL", seconds},
	{"reporter.flush_interval_ms", "", "JAEGER_REPORTER_FLUSH_INTERVAL", millis},
	{"reporter.local_agent_host_port", "", "", hostPort},
	{"reporter.attempt_reconnecting_disabled", "reporter.disable_attempt_reconnecting", "JAEGER_REPORTER_ATTEMPT_RECONNECTING_DISABLED", boolean},
	{"reporter.attempt_reconnect_interval", "", "JAEGER_REPORTER_ATTEMPT_RECONNECT_INTERVAL", seconds},
	{"reporter.http_headers", "", "headers are for credentials only: user and password, or auth_token", nothing},
	{"reporter.agent_host", "", "JAEGER_AGENT_HOST", scalar},
	{"reporter.agent_port", "", "JAEGER_AGENT_PORT", scalar},
	{"reporter.endpoint", "reporter.collector_endpoint", "JAEGER_ENDPOINT", scalar},
	{"reporter.user", "reporter.auth_username", "JAEGER_USER", scalar},
	{"reporter.password", "reporter.auth_password", "JAEGER_PASSWORD", scalar},
	{"reporter.auth_token", "", "JAEGER_AUTH_TOKEN", scalar},

	{"reporter.sender", "reporter.sender_configuration", "", section},
	{"reporter.sender.agent_host", "", "JAEGER_AGENT_HOST", scalar},
	{"reporter.sender.agent_port", "", "JAEGER_AGENT_PORT", scalar},
	{"reporter.sender.endpoint", "reporter.sender.collector_endpoint", "JAEGER_ENDPOINT", scalar},
	{"reporter.sender.user", "reporter.sender.auth_username", "JAEGER_USER", scalar},
	{"reporter.sender.password", "reporter.sender.auth_password", "JAEGER_PASSWORD", scalar},
	{"reporter.sender.auth_token", "", "JAEGER_AUTH_TOKEN", scalar},
}
