package gap

import (
	"slices"
)

// processes caches what the processes of a trace say. A process may have any number of tags and a
// name of any length, so each is read once. If each span read them again, a small file could take
// hours.
type processes struct {
	services  keyTable[string] // their names
	processes keyTable[*Process]
	serviceOf []uint32             // by process: the number of its service
	machines  map[*Process]machine // nil before the first lookup
}

// reset forgets the processes.
func (p *processes) reset() {
	p.services.reset()
	p.processes.reset()
	p.serviceOf, p.machines = p.serviceOf[:0], nil
}

// service returns the number of a process's service. The service of a nil process is "".
func (p *processes) service(process *Process) uint32 {
	i, isNew := p.processes.index(process)
	if isNew {
		name := ""
		if process != nil {
			name = process.Service
		}
		service, _ := p.services.index(name)
		p.serviceOf = append(p.serviceOf, service)
	}
	return p.serviceOf[i]
}

// hostTags are the process tags that identify a machine, in Jaeger and in OpenTelemetry.
var hostTags = [...]string{"ip", "hostname", "host.id", "host.ip", "host.name"}

// machine says where a process runs.
type machine struct {
	rank  int                // of the process by content; processes with equal content share it
	hosts [len(hostTags)]any // the values of hostTags; of a tag that was set twice the last one
}

// machine returns the machine of a process. Its service must have been looked up before.
func (p *processes) machine(process *Process) machine {
	if p.machines == nil {
		p.machines = make(map[*Process]machine, len(p.serviceOf))
		rank := 0
		sorted := slices.SortedFunc(slices.Values(p.processes.keys), compareProcesses)
		for i, process := range sorted {
			if i > 0 && compareProcesses(sorted[i-1], process) != 0 {
				rank = i
			}
			p.machines[process] = machine{rank: rank, hosts: process.hosts()}
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

// oneClock reports whether two processes share a clock: they are equal, a tag names the same
// machine for both, or one of them is unknown.
func (p *processes) oneClock(a, b *Process) bool {
	if a == b || a == nil || b == nil {
		return true
	}
	x, y := p.machine(a), p.machine(b)
	if x.rank == y.rank {
		return true
	}
	for i := range hostTags {
		if x.hosts[i] != nil && y.hosts[i] != nil && compareValues(x.hosts[i], y.hosts[i]) == 0 {
			return true
		}
	}
	return false
}
