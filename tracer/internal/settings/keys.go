package settings

import (
	"slices"
	"strings"

	"github.com/gaptrace/gaptrace/internal/suggest"
)

// key describes one key of a document, or several with the same meaning. Apart from paths, either
// section, setting (with form), only or unsupported is set.
type key struct {
	paths       []string // its names, each with its section's: sampler.type
	section     bool     // it contains other keys
	setting     string   // the name of the setting that it sets, such as JAEGER_SAMPLER_TYPE
	form        form     // of its value
	only        string   // the one value that is supported
	unsupported string   // why it is an error
}

// form is how a document writes a value.
type form int

const (
	same     form = iota // as in the variable
	boolean              // also yes, no, on and off
	negated              // a boolean with the opposite meaning
	seconds              // a number of seconds, or a duration with its unit
	millis               // a number of milliseconds, or a duration with its unit
	numeric              // a number, or true for 1 and false for 0
	list                 // a list of texts, or one text
	hostPort             // host:port of the agent, which are two settings
	tags                 // keys with values
)

func section(paths ...string) key { return key{paths: paths, section: true} }

func set(setting string, form form, paths ...string) key {
	return key{paths: paths, setting: setting, form: form}
}

func only(value string, paths ...string) key { return key{paths: paths, only: value} }

func unsupported(why string, paths ...string) key { return key{paths: paths, unsupported: why} }

// keys lists all keys of a document. Case, _ and - do not matter. docs/tracer.md describes them.
var keys = []key{
	set("JAEGER_SERVICE_NAME", same, "service_name"),
	set("JAEGER_DISABLED", negated, "enabled"),
	set("JAEGER_DISABLED", boolean, "disabled"),
	set("JAEGER_RPC_METRICS", boolean, "metrics", "rpc_metrics"),
	set("JAEGER_PROPAGATION", list, "propagation"),
	set("JAEGER_TRACEID_128BIT", boolean, "generate_128bit_trace_id", "traceid_128bit", "use_trace_id_128bit"),
	set("JAEGER_TAGS", tags, "tags", "tracer_tags"),
	set("max_tag_value_length", same, "max_tag_value_length"),
	set("max_traceback_length", same, "max_traceback_length"),
	only("uber-trace-id", "trace_id_header"),
	only("uberctx-", "baggage_header_prefix"),
	only("jaeger-debug-id", "debug_id_header"),
	unsupported("its credits came from jaeger-agent, which is gone", "throttler"),
	unsupported("they came from jaeger-agent, which is gone", "baggage_restrictions"),
	unsupported("the names of headers are fixed", "headers"),

	section("local_agent"),
	only("true", "local_agent.enabled"),
	set(agentHost, same, "local_agent.reporting_host", "reporter.agent_host", "reporter.sender.agent_host"),
	set(agentPort, same, "local_agent.reporting_port", "reporter.agent_port", "reporter.sender.agent_port"),
	set(agentHost, hostPort, "reporter.local_agent_host_port"),
	set(samplingPort, same, "local_agent.sampling_port"),

	section("sampler", "sampler_config"),
	set(samplerType, same, "sampler.type"),
	set(samplerParam, numeric, "sampler.param"),
	set(samplingHostPort, same, "sampler.manager_host_port"),
	set(samplingEndpoint, same, "sampler.sampling_endpoint", "sampler.sampling_server_url"),
	set("JAEGER_SAMPLER_MAX_OPERATIONS", same, "sampler.max_operations", "max_operations"),
	set("JAEGER_SAMPLER_REFRESH_INTERVAL", seconds,
		"sampler.refresh_interval", "sampler.sampling_refresh_interval", "sampling_refresh_interval"),
	unsupported("a span's operation is known when it starts", "sampler.operation_name_late_binding"),

	section("reporter", "reporter_config"),
	set("JAEGER_REPORTER_LOG_SPANS", boolean, "reporter.log_spans", "logging"),
	set("JAEGER_REPORTER_MAX_QUEUE_SIZE", same,
		"reporter.queue_size", "reporter.max_queue_size", "reporter_queue_size"),
	set("reporter_batch_size", same, "reporter.batch_size", "reporter_batch_size"),
	set("JAEGER_REPORTER_FLUSH_INTERVAL", seconds,
		"reporter.flush_interval", "reporter.buffer_flush_interval", "reporter_flush_interval"),
	set("JAEGER_REPORTER_FLUSH_INTERVAL", millis, "reporter.flush_interval_ms"),
	set("JAEGER_REPORTER_ATTEMPT_RECONNECTING_DISABLED", boolean,
		"reporter.attempt_reconnecting_disabled", "reporter.disable_attempt_reconnecting"),
	set("JAEGER_REPORTER_ATTEMPT_RECONNECT_INTERVAL", seconds, "reporter.attempt_reconnect_interval"),
	unsupported("headers are for credentials only: set user and password, or auth_token", "reporter.http_headers"),

	section("reporter.sender", "reporter.sender_configuration"),
	set(endpoint, same, "reporter.endpoint", "reporter.collector_endpoint",
		"reporter.sender.endpoint", "reporter.sender.collector_endpoint"),
	set(user, same, "reporter.user", "reporter.auth_username",
		"reporter.sender.user", "reporter.sender.auth_username"),
	set(password, same, "reporter.password", "reporter.auth_password",
		"reporter.sender.password", "reporter.sender.auth_password"),
	set(token, same, "reporter.auth_token", "reporter.sender.auth_token"),
}

var separators = strings.NewReplacer("_", "", "-", "")

// normal returns path in lower case, without _ and -.
func normal(path string) string { return strings.ToLower(separators.Replace(path)) }

// lookup returns the key at path, nil if there is none.
func lookup(path string) *key {
	for i := range keys {
		if slices.ContainsFunc(keys[i].paths, func(p string) bool { return normal(p) == normal(path) }) {
			return &keys[i]
		}
	}
	return nil
}

// didYouMean returns "; did you mean …?" with the most similar key in the same section, or "".
func didYouMean(path string) string {
	dir := path[:strings.LastIndexByte(path, '.')+1]
	var names []string
	for _, k := range keys {
		for _, p := range k.paths {
			if name, ok := strings.CutPrefix(p, dir); ok && !strings.Contains(name, ".") {
				names = append(names, name)
			}
		}
	}
	best := suggest.Closest(path[len(dir):], names, 2, normal)
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}
