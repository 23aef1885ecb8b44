package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// limited is the cgroup of limitCPU, or "".
var limited string

const limitPeriod = 100 * time.Millisecond // the kernel's default

// limitCPU puts this process into a cgroup of its own that limits its CPU time, in CPUs. leave puts
// it back.
func limitCPU(cpus float64) (leave func(), err error) {
	dir, set, err := cpuCgroup()
	if err != nil {
		return nil, err
	}
	group, err := os.MkdirTemp(dir, "gaptrace-explain-*")
	if err != nil {
		return nil, err
	}
	leave = func() {
		limited = ""
		_ = enter(dir)
		for range 100 { // threads that are just ending
			if os.Remove(group) == nil {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}
	quota := int64(float64(limitPeriod.Microseconds()) * cpus)
	if err = errors.Join(set(group, quota), enter(group)); err != nil {
		leave()
		return nil, err
	}
	limited = group
	return leave, nil
}

// cpuCgroup returns the folder of this process's cgroup for CPU time, and a function that limits
// one. The limit is in microseconds for each period.
func cpuCgroup() (dir string, set func(group string, quota int64) error, err error) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", nil, err
	}
	write := func(group, file, value string) error {
		return os.WriteFile(filepath.Join(group, file), []byte(value), 0)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		for controller := range strings.SplitSeq(fields[1], ",") {
			if controller == "cpu" {
				return filepath.Join("/sys/fs/cgroup/cpu", fields[2]), func(group string, quota int64) error {
					return write(group, "cpu.cfs_quota_us", strconv.FormatInt(quota, 10))
				}, nil
			}
		}
		if fields[0] != "0" {
			continue
		}
		v2 := filepath.Join("/sys/fs/cgroup", fields[2])
		controllers, _ := os.ReadFile(filepath.Join(v2, "cgroup.subtree_control"))
		if slices.Contains(strings.Fields(string(controllers)), "cpu") {
			dir, set = v2, func(group string, quota int64) error {
				return write(group, "cpu.max", fmt.Sprintf("%d %d", quota, limitPeriod.Microseconds()))
			}
		}
	}
	if set == nil {
		return "", nil, errors.New("this process may not make a cgroup with a CPU limit")
	}
	return dir, set, nil
}

func enter(group string) error {
	return os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(strconv.Itoa(os.Getpid())), 0)
}

// throttledTime returns how long the limit has kept the process from running.
func throttledTime() time.Duration {
	text, _ := os.ReadFile(filepath.Join(limited, "cpu.stat"))
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, _ := strconv.ParseInt(value, 10, 64)
		switch key {
		case "throttled_time":
			return time.Duration(n)
		case "throttled_usec":
			return time.Duration(n) * time.Microsecond
		}
	}
	return 0
}
