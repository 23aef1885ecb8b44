package cpuclock

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// testClocks returns clocks whose messages are parsed into the returned samples.
func testClocks(t *testing.T) (c *clocks, samples *[]Sample) {
	t.Helper()
	c = openClocks()
	if c == nil {
		t.Skip("skipped: the kernel does not show the clocks")
	}
	t.Cleanup(c.close)
	samples = new([]Sample)
	c.write = func(message string) {
		if len(message) > MaxMessage {
			t.Errorf("a message of %d bytes", len(message))
		}
		s, err := Parse(message)
		if err != nil {
			t.Errorf("%q: %v", message, err)
		}
		*samples = append(*samples, s)
	}
	return c, samples
}

// threadIDs lists the threads of the process.
func threadIDs(t *testing.T) (ids []int32) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		id, err := strconv.Atoi(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, int32(id))
	}
	return ids
}

func (s *Sample) thread(id int32) *Thread {
	i := slices.IndexFunc(s.Threads, func(t Thread) bool { return t.ID == id })
	if i < 0 {
		return nil
	}
	return &s.Threads[i]
}

// burn uses CPU time on the calling thread.
func burn(d time.Duration) {
	for end := ownClock() + d; ownClock() < end; {
	}
}

// A sample reads the clock of its own thread between two readings of it.
func TestClockIsTheThreadsOwn(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	id := int32(syscall.Gettid())
	c, samples := testClocks(t)
	var last time.Duration
	for i := range 20 {
		burn(200 * time.Microsecond)
		before, start := ownClock(), time.Now()
		c.sample(time.Now())
		after, took := ownClock(), time.Since(start)
		s := (*samples)[i]
		thread := s.thread(id)
		if thread == nil || thread.Clock < before || thread.Clock > after || thread.New {
			t.Fatalf("sample %d: clock between %v and %v: %+v", i, before, after, s)
		}
		if s.Age <= 0 || s.Age > took {
			t.Errorf("sample %d: age %v of %v", i, s.Age, took)
		}
		switch isFirst := i == 0; {
		case s.First != isFirst, (s.Since == 0) != isFirst, isFirst && thread.Growth != 0:
			t.Errorf("sample %d: %+v", i, s)
		case !isFirst && thread.Growth != thread.Clock-last:
			t.Errorf("sample %d: growth %v, the clock went from %v to %v", i, thread.Growth, last, thread.Clock)
		}
		last = thread.Clock
	}
}

func TestFirstSampleHasAllThreads(t *testing.T) {
	idleThreads(t, 200)
	c, samples := testClocks(t)
	before := threadIDs(t)
	c.sample(time.Now())
	after := threadIDs(t)
	got := map[int32]int{}
	for i, s := range *samples {
		isLast := i == len(*samples)-1
		if !s.First || s.More == isLast || (s.Procs != 0) != (i == 0) {
			t.Errorf("message %d of %d: %+v", i, len(*samples), s)
		}
		for _, thread := range s.Threads {
			got[thread.ID]++
		}
	}
	for _, id := range before {
		if slices.Contains(after, id) && got[id] != 1 {
			t.Errorf("thread %d is there %d times", id, got[id])
		}
	}
	if procs := (*samples)[0].Procs; procs != runtime.GOMAXPROCS(0) {
		t.Errorf("GOMAXPROCS %d", procs)
	}

	*samples = nil // only those that moved
	c.sample(time.Now())
	n := 0
	for _, s := range *samples {
		n += len(s.Threads)
		for _, thread := range s.Threads {
			if thread.Growth == 0 || s.First || s.Since == 0 {
				t.Errorf("%+v in %+v", thread, s)
			}
		}
	}
	if n == 0 {
		t.Error("the sampler's own thread is missing")
	}
}

// A thread that starts between two samples is new, with all of its CPU time.
func TestNewThread(t *testing.T) {
	c, samples := testClocks(t)
	c.sample(time.Now())
	known := c.threads
	type run struct {
		id            int32
		before, until time.Duration
	}
	quit := make(chan struct{})
	var ran []run
	var mu sync.Mutex
	var started, ended sync.WaitGroup
	for range len(known) + 1 { // so that one at least is new
		started.Add(1)
		ended.Go(func() {
			runtime.LockOSThread()
			burn(time.Millisecond)
			r := run{id: int32(syscall.Gettid()), before: ownClock()}
			started.Done()
			<-quit
			r.until = ownClock()
			mu.Lock()
			defer mu.Unlock()
			ran = append(ran, r)
		})
	}
	started.Wait()
	*samples = nil
	c.sample(time.Now())
	close(quit)
	ended.Wait()
	n := 0
	for _, r := range ran {
		i := slices.IndexFunc(*samples, func(s Sample) bool { return s.thread(r.id) != nil })
		if i < 0 {
			t.Errorf("thread %d is missing", r.id)
			continue
		}
		got := (*samples)[i].thread(r.id)
		isNew := !slices.ContainsFunc(known, func(known thread) bool { return known.id == r.id })
		if got.New != isNew || got.Clock < r.before || got.Clock > r.until || isNew && got.Growth != got.Clock {
			t.Errorf("new %v, clock from %v to %v: %+v", isNew, r.before, r.until, got)
		}
		if isNew {
			n++
		}
	}
	if n == 0 {
		t.Error("no thread was new")
	}
}

func TestThreadThatEnds(t *testing.T) {
	c, samples := testClocks(t)
	id, quit := make(chan int32), make(chan struct{})
	go func() {
		runtime.LockOSThread() // the thread ends with the goroutine
		id <- int32(syscall.Gettid())
		<-quit
	}()
	ends := <-id
	c.sample(time.Now())
	if (*samples)[0].thread(ends) == nil {
		t.Fatal("the thread is missing")
	}
	close(quit)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(filepath.Join("/proc/self/task", strconv.Itoa(int(ends)))); err != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Skip("skipped: the runtime keeps the thread, since it is the process's first")
		}
	}
	*samples = nil
	c.sample(time.Now())
	_, found := c.find(ends)
	if found || slices.ContainsFunc(*samples, func(s Sample) bool { return s.thread(ends) != nil }) {
		t.Errorf("found %v: %+v", found, *samples)
	}
}

// A sample leaves out a thread that has ended, even before the next list.
func TestThreadThatEndsAfterTheList(t *testing.T) {
	c, samples := testClocks(t)
	c.sample(time.Now())
	const none = 1<<22 + 1 // above the kernel's most
	c.threads = append(c.threads, thread{id: none})
	c.changed()
	*samples = nil
	c.sample(c.listed)
	left := func(th thread) bool { return th.id == none || th.id == ended } // neither has a place in the order
	if (*samples)[0].thread(none) != nil || slices.ContainsFunc(c.threads, left) {
		t.Errorf("threads %+v, samples %+v", c.threads, *samples)
	}
}

// The kernel may number a new thread like one that ended.
func TestThreadWithAnOldID(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c, samples := testClocks(t)
	c.sample(time.Now())
	id := int32(syscall.Gettid())
	i, found := c.find(id)
	if !found {
		t.Fatal("the thread is missing")
	}
	c.threads[i].clock = time.Hour
	*samples = nil
	c.sample(time.Now())
	if thread := (*samples)[0].thread(id); thread == nil || !thread.New || thread.Growth != thread.Clock {
		t.Errorf("%+v", (*samples)[0])
	}
}

func TestClocksAreClosed(t *testing.T) {
	files := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	before := files()
	for range 10 {
		openClocks().close()
	}
	if after := files(); after > before {
		t.Errorf("%d open files, %d before", after, before)
	}
}
