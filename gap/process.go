package gap

import (
	"maps"
	"slices"
)

// processes is what is known of the processes of a trace. One may have any number of tags and a name of any length, so
// each is looked at once: to do so anew for every span, or every two, would let a small file take hours.
type processes struct {
	services []string // by their numbers
	numbers  map[string]uint32
	of       map[*Process]uint32 // the numbers of the services
	last     *Process            // asked for last, if there is any in of
	lastOf   uint32
	machines map[*Process]machine // nil until asked for
}

// service returns the number of a process's service, "" for nil.
func (p *processes) service(process *Process) uint32 {
	if process == p.last && p.of != nil {
		return p.lastOf
	}
	number, ok := p.of[process]
	if !ok {
		name := ""
		if process != nil {
			name = process.Service
		}
		if number, ok = p.numbers[name]; !ok {
			if p.of == nil {
				p.of, p.numbers = make(map[*Process]uint32), make(map[string]uint32)
			}
			number = uint32(len(p.services))
			p.numbers[name] = number
			p.services = append(p.services, name)
		}
		p.of[process] = number
	}
	p.last, p.lastOf = process, number
	return number
}

// hostTags are the tags of a process that name its machine: Jaeger's, and OpenTelemetry's.
var hostTags = [...]string{"ip", "hostname", "host.id", "host.ip", "host.name"}

// machine is what is known of where a process runs.
type machine struct {
	process int                // its place among all processes by content: alike are those that tell the same of themselves
	hosts   [len(hostTags)]any // the values of its hostTags; one set twice counts as last set
}

// machine returns that of a process that service was asked for.
func (p *processes) machine(process *Process) machine {
	if p.machines == nil {
		p.machines = make(map[*Process]machine, len(p.of))
		place := 0
		sorted := slices.SortedFunc(maps.Keys(p.of), compareProcesses)
		for i, process := range sorted {
			if i > 0 && compareProcesses(sorted[i-1], process) != 0 {
				place = i
			}
			p.machines[process] = machine{process: place, hosts: process.hosts()}
		}
	}
	return p.machines[process]
}

func (p *Process) hosts() (hosts [len(hostTags)]any) {
	if p != nil {
		for _, tag := range p.Tags {
			if i := slices.Index(hostTags[:], tag.Key); i >= 0 {
				hosts[i] = tag.Value
			}
		}
	}
	return hosts
}

// oneClock says whether two processes are known to share a clock: they are one, a tag names the same machine for both, or
// nothing at all is known of one.
func (p *processes) oneClock(a, b *Process) bool {
	if a == b || a == nil || b == nil {
		return true
	}
	x, y := p.machine(a), p.machine(b)
	if x.process == y.process {
		return true
	}
	for i := range hostTags {
		if x.hosts[i] != nil && y.hosts[i] != nil && compareValues(x.hosts[i], y.hosts[i]) == 0 {
			return true
		}
	}
	return false
}
