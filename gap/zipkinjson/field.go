package zipkinjson

import (
	"strings"

	"github.com/gaptrace/gaptrace/gap"
)

// kind reads the kind of a span, as OpenTracing names it, or nil. The result is an interface, as
// [gap.Field] needs it, to save an allocation for the usual kinds.
func (d *decoder) kind() any {
	switch kind := d.String(); kind {
	case "":
		return nil
	case "CLIENT":
		return "client"
	case "SERVER":
		return "server"
	default:
		return strings.ToLower(kind)
	}
}

// Bounds of the cache of processes.
const (
	maxProcesses = 4096
	maxProcess   = 512 // bytes
)

// process reads the endpoint that recorded a span. Equal processes are shared.
func (d *decoder) process() *gap.Process {
	var service, ipv4, ipv6 string
	d.Object(func(key []byte) {
		switch string(key) {
		case "serviceName":
			service = d.String()
		case "ipv4":
			ipv4 = d.String()
		case "ipv6":
			ipv6 = d.String()
		default:
			d.Skip()
		}
	})
	ip := ipv4
	if ip == "" {
		ip = ipv6
	}
	if service == "" && ip == "" {
		return nil
	}
	d.key = append(append(append(d.key[:0], service...), 0), ip...)
	p, ok := d.processes[string(d.key)]
	if !ok {
		p = &gap.Process{Service: service}
		if ip != "" {
			p.Tags = []gap.Field{{Key: "ip", Value: ip}}
		}
		if len(d.processes) == maxProcesses {
			clear(d.processes)
		}
		if len(d.key) <= maxProcess {
			d.processes[string(d.key)] = p
		}
	}
	return p
}

// peerTags are OpenTracing's tags for the members of an endpoint.
var peerTags = map[string]string{
	"serviceName": "peer.service", "ipv4": "peer.ipv4", "ipv6": "peer.ipv6", "port": "peer.port",
}

// peer reads the endpoint that a span talks to, and adds its tags.
func (d *decoder) peer() {
	d.Object(func(key []byte) {
		tag := peerTags[string(key)]
		if tag == "" || !d.keep(tag) {
			d.Skip()
		} else if v := d.Value(); v != nil {
			d.Fields.Add(gap.Field{Key: tag, Value: v})
		}
	})
}

// keep reports whether a tag of a span is kept.
func (d *decoder) keep(tag string) bool { return d.Everything || d.Keys[tag] }

// markError makes the value of the tag error true: in Zipkin it is a text, which may be empty.
func (d *decoder) markError(tags []gap.Field) []gap.Field {
	for i := range tags {
		tag := &tags[i]
		if tag.Key != "error" {
			continue
		}
		message, _ := tag.Value.(string)
		tag.Value = true
		if message != "" && message != "true" && d.keep("error.message") {
			tags = append(tags, gap.Field{Key: "error.message", Value: message})
		}
	}
	return tags
}

// annotations reads events. It returns nil if logs are not kept.
func (d *decoder) annotations() (logs []gap.Log) {
	if !d.Everything {
		d.Skip()
		return nil
	}
	d.Array(func() {
		var l gap.Log
		ok := true
		d.Object(func(key []byte) {
			switch string(key) {
			case "timestamp":
				l.Time, ok = d.Time("microseconds since 1970 (timestamp of an annotation)")
			case "value":
				if v := d.Value(); v != nil {
					l.Fields = []gap.Field{{Key: "event", Value: v}}
				}
			default:
				d.Skip()
			}
		})
		if ok {
			logs = append(logs, l)
		}
	})
	return logs
}
