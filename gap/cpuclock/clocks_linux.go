package cpuclock

import (
	"context"
	"runtime"
	"runtime/trace"
	"slices"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

const supported = true

const (
	// The threads are listed when the number of links of /proc/self/task changed, or a thread
	// ended. A list after listInterval is for changes that the number does not show. A sandbox may
	// not count the links, so its threads are listed after sandboxListInterval.
	listInterval        = time.Second
	sandboxListInterval = 100 * time.Millisecond

	throttleInterval = 10 * time.Millisecond
	limitInterval    = time.Second

	// chunk is how many threads share one time of reading. To read their clocks takes about 20 µs.
	chunk = 64

	threadRoom = 2 + 6 + 2*14 // the most bytes of a thread in a message
	tailRoom   = 4 + 3 + 13   // the most bytes that appendTail appends

	ended = 0 // the ID of a thread that has ended
)

// clocks are the CPU clocks of the process's threads, and the limit of its cgroup.
type clocks struct {
	task    int // file descriptor of /proc/self/task
	names   []byte
	threads []thread // by ID
	links   uint64   // of the folder when it was listed: the number of threads and 2
	counts  bool     // links was right
	listed  time.Time
	last    time.Time // of the last sample

	cgroup    cgroup
	throttled time.Time // when the cgroup's throttling was read
	limited   time.Time // when its limit was written

	message []byte
	write   func(message string)
}

// thread is a thread's CPU clock at its last reading.
type thread struct {
	id    int32
	isNew bool // and not read yet
	clock time.Duration
	at    time.Time
}

// openClocks returns nil if the kernel does not show the clocks.
func openClocks() *clocks {
	if _, ok := threadClock(int32(syscall.Gettid())); !ok {
		return nil
	}
	task, err := syscall.Open("/proc/self/task", syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	return &clocks{
		task: task, names: make([]byte, 8192), message: make([]byte, 0, MaxMessage),
		cgroup: openCgroup("/", "/proc/self"), throttled: time.Now(),
		write: func(message string) { trace.Log(context.Background(), Category, message) },
	}
}

func (c *clocks) close() {
	if c != nil {
		syscall.Close(c.task) //nolint:errcheck // nothing was written
		c.cgroup.close()
	}
}

// readClock reads a clock of the kernel. It uses RawSyscall, since the call never blocks. All
// platforms have this old call. On some of them its seconds have 32 bits, which are enough for CPU
// time.
func readClock(id int32) (t time.Duration, ok bool) {
	var ts syscall.Timespec
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, uintptr(id), uintptr(unsafe.Pointer(&ts)), 0)
	return time.Duration(ts.Nano()), errno == 0
}

// threadClock reads the CPU clock of a thread of this process, exactly, even while it runs. It
// makes the clock's ID as pthread_getcpuclockid does. It returns false if the thread has ended.
func threadClock(tid int32) (t time.Duration, ok bool) { return readClock(^tid<<3 | 6) }

// ownClock reads the CPU clock of the calling thread.
func ownClock() time.Duration {
	const threadCPUTime = 3 // CLOCK_THREAD_CPUTIME_ID
	t, _ := readClock(threadCPUTime)
	return t
}

// writeOwn writes the clock of the calling thread.
func writeOwn() {
	runtime.LockOSThread() // so that the event is of the thread whose clock was read
	defer runtime.UnlockOSThread()
	s := Sample{Own: true, Threads: []Thread{{Clock: ownClock()}}}
	var message [64]byte
	trace.Log(context.Background(), Category, string(s.Append(message[:0])))
}

// sample writes a sample. cost is its own CPU time, and used the rest of what the clocks grew.
func (c *clocks) sample(now time.Time) (cost, used time.Duration) {
	runtime.LockOSThread() // for its clock
	defer runtime.UnlockOSThread()
	start := ownClock()

	s := Sample{First: c.listed.IsZero()}
	every := sandboxListInterval
	if c.counts {
		every = listInterval
	}
	if s.First || now.Sub(c.listed) >= every || c.changed() {
		c.list(now)
	}
	if now.Sub(c.limited) >= limitInterval {
		c.limited = now
		s.Procs, s.Limit = runtime.GOMAXPROCS(0), c.cgroup.readLimit()
	}
	if now.Sub(c.throttled) >= throttleInterval {
		s.Throttled, s.Periods = c.cgroup.readThrottled()
		if s.Throttled != 0 || s.Periods != 0 {
			s.ThrottledSince = max(now.Sub(c.throttled), 1)
		}
		c.throttled = now
	}
	for from := 0; from < len(c.threads); from += chunk {
		used += c.read(&s, from, min(from+chunk, len(c.threads)))
	}
	c.last = now
	c.threads = slices.DeleteFunc(c.threads, func(t thread) bool { return t.id == ended })
	cost = ownClock() - start
	if s.First {
		return cost, time.Second // unknown: the program may be busy
	}
	return cost, max(used-cost, 0)
}

// changed reports whether threads were created or have ended. It costs a system call: a list of 50
// threads costs thirty times as much.
func (c *clocks) changed() bool {
	var stat syscall.Stat_t
	if syscall.Fstat(c.task, &stat) != nil {
		return false
	}
	return uint64(stat.Nlink) != c.links
}

// list updates the threads. Those that ended are left out.
func (c *clocks) list(now time.Time) {
	var stat syscall.Stat_t
	if syscall.Fstat(c.task, &stat) == nil { // before the list, so that a later change is noticed
		c.links = uint64(stat.Nlink)
	}
	isFirst := c.listed.IsZero()
	c.listed = now
	if _, err := syscall.Seek(c.task, 0, 0); err != nil {
		return
	}
	var threads []thread
	for {
		n, err := syscall.ReadDirent(c.task, c.names)
		if n <= 0 || err != nil {
			break
		}
		_, _, names := syscall.ParseDirent(c.names[:n], -1, nil)
		for _, name := range names {
			id, err := strconv.ParseInt(name, 10, 32)
			if err != nil {
				continue
			}
			t := thread{id: int32(id), isNew: !isFirst}
			if i, found := c.find(t.id); found {
				t = c.threads[i]
			}
			threads = append(threads, t)
		}
	}
	slices.SortFunc(threads, func(a, b thread) int { return int(a.id) - int(b.id) })
	c.threads, c.counts = threads, uint64(len(threads))+2 == c.links
}

func (c *clocks) find(id int32) (i int, found bool) {
	return slices.BinarySearchFunc(c.threads, id, func(t thread, id int32) int { return int(t.id) - int(id) })
}

// read reads the clocks of threads, and writes messages with those that moved. It returns how much
// they grew. It sets the ID of a thread that has ended to ended.
func (c *clocks) read(s *Sample, from, to int) (used time.Duration) {
	threads := c.threads[from:to]
	var clocks [chunk]time.Duration
	at := readClocks(threads, clocks[:])

	s.Since = 0
	if !s.First {
		s.Since = at.Sub(c.last)
	}
	if i := slices.IndexFunc(threads, func(t thread) bool { return !t.isNew }); i >= 0 && !s.First {
		s.Since = at.Sub(threads[i].at)
	}
	c.message = s.appendHead(c.message[:0])
	for i := range threads {
		t, clock := &threads[i], clocks[i]
		if clock < 0 {
			t.id = ended
			c.links = 0 // a new thread may have taken its place in the number of threads
			continue
		}
		if clock < t.clock { // a new thread with the same ID
			t.isNew, t.clock = true, 0
		}
		growth := clock - t.clock
		if s.First {
			growth = 0
		}
		if growth != 0 || t.isNew || s.First {
			if len(c.message) > MaxMessage-threadRoom-tailRoom {
				c.log(s, at, true)
				c.message = s.appendHead(c.message[:0])
			}
			written := Thread{ID: t.id, New: t.isNew, Clock: clock, Growth: growth}
			c.message = written.append(c.message)
		}
		used += growth
		t.isNew, t.clock, t.at = false, clock, at
	}
	c.log(s, at, to < len(c.threads))
	return used
}

// readClocks reads the clocks of threads into clocks, -1 for those of threads that ended. It
// returns the time in the middle.
func readClocks(threads []thread, clocks []time.Duration) time.Time {
	for try := 0; ; try++ {
		start := time.Now()
		for i := range threads {
			clock, ok := threadClock(threads[i].id)
			if !ok {
				clock = -1
			}
			clocks[i] = clock
		}
		took := time.Since(start)
		const usual = 100 * time.Microsecond // longer means that the sampler was preempted meanwhile
		if took < usual || try == 2 {
			return start.Add(took / 2)
		}
	}
}

// log writes the message. It computes the age last, so that little time passes until the event.
func (c *clocks) log(s *Sample, at time.Time, more bool) {
	s.More, s.Age = more, time.Since(at)
	c.message = s.appendTail(c.message)
	c.write(string(c.message))
	s.Procs, s.ThrottledSince = 0, 0 // once in a sample
}
