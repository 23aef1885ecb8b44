package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// becomeSubreaper makes this process the parent of all processes that its children leave.
func becomeSubreaper() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// observe runs a job in a folder, which it removes.
func (b *bench) observe(ctx context.Context, j job) (answer []byte, used usage, err error) {
	dir, err := os.MkdirTemp(b.dir, "run-")
	if err != nil {
		return nil, used, err
	}
	defer os.RemoveAll(dir)
	before, began := childrenCPU(), time.Now()
	end, sampled := make(chan struct{}), sync.WaitGroup{}
	sampled.Go(func() {
		for {
			sum, filter := memory()
			used.memory, used.filter = max(used.memory, sum), max(used.filter, filter)
			select {
			case <-end:
				return
			case <-time.After(250 * time.Millisecond):
			}
		}
	})
	answer, used.shuffled, err = j(ctx, dir)
	used.clock = time.Since(began)
	close(end)
	sampled.Wait()
	// All that is left are processes that others have left.
	for {
		if _, wait := syscall.Wait4(-1, nil, 0, nil); wait != nil && wait != syscall.EINTR {
			if wait != syscall.ECHILD {
				err = errors.Join(err, fmt.Errorf("wait: %w", wait))
			}
			break
		}
	}
	used.cpu = childrenCPU() - before
	return answer, used, err
}

// childrenCPU returns the CPU time of all descendants that have ended.
func childrenCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &u); err != nil {
		panic(err) // Linux has no reason to refuse
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// memory returns the resident memory of all descendants, and of the largest of them that is
// gaptrace.
func memory() (sum, filter int64) {
	type process struct {
		parent   int
		resident int64
		gaptrace bool
	}
	processes := map[int]process{}
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		end := bytes.LastIndexByte(stat, ')')
		fields := strings.Fields(string(stat[end+1:])) // from the third field of proc_pid_stat(5) on
		pid, _ := strconv.Atoi(strings.Split(file, "/")[2])
		parent, _ := strconv.Atoi(fields[1])
		pages, _ := strconv.ParseInt(fields[21], 10, 64)
		processes[pid] = process{parent, pages * int64(os.Getpagesize()), bytes.HasSuffix(stat[:end], []byte("(gaptrace"))}
	}
	for _, p := range processes {
		for parent := p.parent; parent > 1; parent = processes[parent].parent {
			if parent == os.Getpid() {
				sum += p.resident
				if p.gaptrace {
					filter = max(filter, p.resident)
				}
				break
			}
		}
	}
	return sum, filter
}
