package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

var cpuScenarios = []scenario{
	{
		name:  "cpu",
		about: "computes",
		truth: "the CPU clock of the thread, to which the goroutine is locked. The rest of the time may be no CPU or" +
			" runnable: when Go's scheduler goes on with a locked goroutine, it has to wake its thread first",
		short: true,
		open:  onlyBurn,
	},
	{
		name:  "sleep",
		about: "time.Sleep",
		truth: "the wall clock",
		short: true,
		open: func(*stage) (*opened, error) {
			return &opened{op: func(r *request, d time.Duration) error {
				r.sleep(d)
				return nil
			}}, nil
		},
	},
	{
		name:  "file",
		about: "writes a file and calls fsync",
		truth: "the wall clock, without the time in which the thread waited for a CPU",
		open:  openFile,
	},
	{
		name:  "cgo",
		about: "computes in C",
		truth: "the CPU clock of the thread",
		why:   "whether C code had a CPU is not known, so all of its time is cgo",
		skip:  skipCgo,
		open: func(*stage) (*opened, error) {
			return &opened{op: func(r *request, d time.Duration) error {
				before, after := onThread(func(before reading) { burnInC(before.cpu + d) })
				r.used(before, after, gap.CauseCgo)
				return nil
			}}, nil
		},
	},
	{
		name:  "garbage",
		about: "allocates, with the garbage collector on",
		truth: "the CPU clock of the thread, and the runtime's own count of the time spent in assists, which is" +
			" exact for the whole process but not for a gap. Nothing measures sweeping, so a tenth of the CPU" +
			" time may be either CPU or GC, as may a quarter of the assists",
		open: openGarbage,
	},
}

func openFile(*stage) (*opened, error) {
	f, err := os.CreateTemp("", "gaptrace-explain-*")
	if err != nil {
		return nil, err
	}
	block := make([]byte, 1<<16)
	op := func(r *request, d time.Duration) (err error) {
		before, after := onThread(func(before reading) {
			for err == nil && time.Since(before.wall) < d {
				if _, err = f.WriteAt(block, int64(r.random.IntN(64))<<16); err == nil {
					err = f.Sync()
				}
			}
		})
		inFile := oneOf(gap.CauseSyscall)
		r.add(before.wall, after.wall, inFile, amount{inFile | noCPU, after.queued - before.queued})
		return err
	}
	return &opened{op: op, close: func() {
		f.Close()
		os.Remove(f.Name())
	}}, nil
}

// tree is garbage with pointers, which the collector must follow.
type tree struct {
	left, right *tree
	_           [4]uint64
}

func grow(depth int) *tree {
	if depth == 0 {
		return &tree{}
	}
	return &tree{left: grow(depth - 1), right: grow(depth - 1)}
}

func openGarbage(*stage) (*opened, error) {
	percent := debug.SetGCPercent(50)
	live := grow(17)
	var trees []*tree
	var start time.Duration // assists until the request
	return &opened{
		prepare: func(*request) { start = assists() },
		// Only one of the two gaps has garbage: the runtime counts assists for the whole request.
		handle: func(r *request) error {
			r.burn(r.duration())
			if err := r.call(); err != nil {
				return err
			}
			before, after := onThread(func(before reading) {
				for until := before.cpu + 2*r.duration(); threadCPU() < until; {
					if trees = append(trees, grow(8)); len(trees) > 64 {
						trees = nil
					}
				}
			})
			length, cpu := after.wall.Sub(before.wall), after.cpu-before.cpu
			r.add(before.wall, after.wall, 0)
			at := len(r.segments) - 1
			r.after = append(r.after, func() {
				// The count of an assist includes time in which its thread had no CPU.
				assist := min(cpu, time.Duration(float64(assists()-start)*float64(cpu)/float64(length)))
				r.segments[at].amounts = []amount{
					{oneOf(gap.CauseCPU), max(0, cpu-assist-cpu/10)},
					{oneOf(gap.CauseGC), assist - assist/4},
					{oneOf(gap.CauseCPU, gap.CauseGC), min(cpu-assist, cpu/10) + assist/4},
					{noCPU | oneOf(gap.CauseGC), max(0, length-cpu)},
				}
			})
			return nil
		},
		close: func() {
			debug.SetGCPercent(percent)
			runtime.KeepAlive(live)
		},
	}, nil
}

// assists returns how long all goroutines have assisted the collector. The runtime counts at the
// end of a collection, so there is one.
func assists() time.Duration {
	debug.FreeOSMemory()
	sample := []metrics.Sample{{Name: "/cpu/classes/gc/mark/assist:cpu-seconds"}}
	metrics.Read(sample)
	return time.Duration(sample[0].Value.Float64() * float64(time.Second))
}
