package settings

import (
	"slices"
	"strings"

	"github.com/gaptrace/gaptrace/internal/nearest"
)

// A key describes what a document may contain at its paths: a setting in some form, a section, a
// fixed value, or something unsupported.
type key struct {
	paths       string // separated by spaces; the first one is the name
	setting     string // the setting that it is for, written in form
	form        form
	section     bool   // it contains the keys below its path
	only        string // the one value that is supported
	unsupported string // why it is an error
}

// form is how a document writes a setting. The zero value is: as the variable does.
type form int

const (
	asVariable form = iota
	boolean         // as YAML and Python write it: yes, on
	negated         // a boolean with the opposite meaning
	seconds         // a number of seconds, or a duration with its unit
	millis          // a number of milliseconds
	numeric         // a number, or a boolean for 1 and 0
	list            // of texts, or a text
	hostPort        // of the agent: two settings
	tags            // keys with values
)

// keys are all keys of a document. Case, _ and - do not matter. docs/tracer.md lists them for
// users.
var keys = []key{
	{paths: "service_name", setting: "JAEGER_SERVICE_NAME"},
	{paths: "enabled", setting: "JAEGER_DISABLED", form: negated},
	{paths: "disabled", setting: "JAEGER_DISABLED", form: boolean},
	{paths: "metrics rpc_metrics", setting: "JAEGER_RPC_METRICS", form: boolean},
	{paths: "propagation", setting: "JAEGER_PROPAGATION", form: list},
	{
		paths: "generate_128bit_trace_id traceid_128bit use_trace_id_128bit", setting: "JAEGER_TRACEID_128BIT",
		form: boolean,
	},
	{paths: "tags tracer_tags", form: tags},
	{paths: "max_tag_value_length", setting: "max_tag_value_length"},
	{paths: "max_traceback_length", setting: "max_traceback_length"},
	{paths: "trace_id_header", only: "uber-trace-id"},
	{paths: "baggage_header_prefix", only: "uberctx-"},
	{paths: "debug_id_header", only: "jaeger-debug-id"},
	{paths: "throttler", unsupported: "its credits came from jaeger-agent, which is gone"},
	{paths: "baggage_restrictions", unsupported: "they came from jaeger-agent, which is gone"},
	{paths: "headers", unsupported: "the names of headers are fixed"},

	{paths: "local_agent", section: true},
	{paths: "local_agent.enabled", only: "true"},
	{paths: "local_agent.reporting_host reporter.agent_host reporter.sender.agent_host", setting: agentHost},
	{paths: "local_agent.reporting_port reporter.agent_port reporter.sender.agent_port", setting: agentPort},
	{paths: "local_agent.sampling_port", setting: samplingPort},
	{paths: "reporter.local_agent_host_port", form: hostPort},

	{paths: "sampler sampler_config", section: true},
	{paths: "sampler.type", setting: samplerType},
	{paths: "sampler.param", setting: samplerParam, form: numeric},
	{paths: "sampler.manager_host_port", setting: samplingHostPort},
	{paths: "sampler.sampling_endpoint sampler.sampling_server_url", setting: samplingEndpoint},
	{paths: "sampler.max_operations max_operations", setting: "JAEGER_SAMPLER_MAX_OPERATIONS"},
	{
		paths:   "sampler.refresh_interval sampler.sampling_refresh_interval sampling_refresh_interval",
		setting: "JAEGER_SAMPLER_REFRESH_INTERVAL", form: seconds,
	},
	{paths: "sampler.operation_name_late_binding", unsupported: "a span's operation is known when it starts"},

	{paths: "reporter reporter_config", section: true},
	{paths: "reporter.log_spans logging", setting: "JAEGER_REPORTER_LOG_SPANS", form: boolean},
	{
		paths:   "reporter.queue_size reporter.max_queue_size reporter_queue_size",
		setting: "JAEGER_REPORTER_MAX_QUEUE_SIZE",
	},
	{paths: "reporter.batch_size reporter_batch_size", setting: "reporter_batch_size"},
	{
		paths:   "reporter.flush_interval reporter.buffer_flush_interval reporter_flush_interval",
		setting: "JAEGER_REPORTER_FLUSH_INTERVAL", form: seconds,
	},
	{paths: "reporter.flush_interval_ms", setting: "JAEGER_REPORTER_FLUSH_INTERVAL", form: millis},
	{
		paths:   "reporter.attempt_reconnecting_disabled reporter.disable_attempt_reconnecting",
		setting: "JAEGER_REPORTER_ATTEMPT_RECONNECTING_DISABLED", form: boolean,
	},
	{
		paths: "reporter.attempt_reconnect_interval", setting: "JAEGER_REPORTER_ATTEMPT_RECONNECT_INTERVAL",
		form: seconds,
	},
	{
		paths:       "reporter.http_headers",
		unsupported: "headers are for credentials only: set user and password, or auth_token",
	},

	{paths: "reporter.sender reporter.sender_configuration", section: true},
	{
		paths:   "reporter.endpoint reporter.collector_endpoint reporter.sender.endpoint reporter.sender.collector_endpoint",
		setting: endpoint,
	},
	{paths: "reporter.user reporter.auth_username reporter.sender.user reporter.sender.auth_username", setting: user},
	{
		paths:   "reporter.password reporter.auth_password reporter.sender.password reporter.sender.auth_password",
		setting: password,
	},
	{paths: "reporter.auth_token reporter.sender.auth_token", setting: token},
}

// name returns the first of k's paths.
func (k *key) name() string {
	name, _, _ := strings.Cut(k.paths, " ")
	return name
}

// normal returns path without the differences that do not matter.
func normal(path string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(path))
}

// lookup returns the key at path, nil if there is none.
func lookup(path string) *key {
	i := slices.IndexFunc(keys, func(k key) bool {
		return slices.Contains(strings.Fields(normal(k.paths)), normal(path))
	})
	if i < 0 {
		return nil
	}
	return &keys[i]
}

// suggest returns a question that names the path most similar to path in its section, if any.
func suggest(path string) string {
	dir := path[:strings.LastIndexByte(path, '.')+1]
	best, least := "", 3
	for _, k := range keys {
		for _, p := range strings.Fields(k.paths) {
			name, ok := strings.CutPrefix(p, dir)
			if !ok || strings.Contains(name, ".") {
				continue
			}
			if d := nearest.Distance(normal(p), normal(path)); d < least {
				best, least = name, d
			}
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}
