package cpuclock

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cgroup is the process's cgroup and those above it, as far as the process sees them. Each may have
// a CPU limit.
type cgroup []*level

// level is one cgroup. Its files stay open.
type level struct {
	stat   *os.File
	max    *os.File // version 2
	quota  *os.File // version 1, as is period
	period *os.File

	limit     float64 // CPUs; 0 means no limit
	throttled time.Duration
	periods   int
	isKnown   bool // throttled and periods are
}

// maxLevels bounds the work of a sample. Kubernetes has four levels.
const maxLevels = 16

// openCgroup opens the files of a process's cgroup and of those above it. process is the folder of
// the process, usually /proc/self. The folders of cgroups are mounted below root. The result is
// empty if there are none.
func openCgroup(root, process string) (c cgroup) {
	dir, top, version := findCgroup(root, process)
	for ; dir != "" && len(c) < maxLevels; dir = filepath.Dir(dir) {
		if l := openLevel(dir, version); l != nil {
			c = append(c, l)
		}
		if dir == top {
			break
		}
	}
	c.readLimit()
	c.readThrottled()
	return c
}

// openLevel returns nil if the cgroup has no limit and cannot have one, such as the root.
func openLevel(dir string, version int) *level {
	names := []string{"cpu.stat", "cpu.max"}
	if version == 1 {
		names = []string{"cpu.stat", "cpu.cfs_quota_us", "cpu.cfs_period_us"}
	}
	var l level
	for i, to := range []**os.File{&l.stat, &l.quota, &l.period}[:len(names)] {
		f, err := os.Open(filepath.Join(dir, names[i]))
		if err != nil {
			l.close()
			return nil
		}
		*to = f
	}
	if version == 2 {
		l.max, l.quota = l.quota, nil
	}
	return &l
}

func (l *level) close() {
	for _, f := range []*os.File{l.stat, l.max, l.quota, l.period} {
		if f != nil {
			f.Close()
		}
	}
}

func (c cgroup) close() {
	for _, l := range c {
		l.close()
	}
}

// readLimit returns the lowest limit in CPUs; 0 means none. A limit may change while the program
// runs.
func (c cgroup) readLimit() (lowest float64) {
	for _, l := range c {
		l.limit = l.readLimit()
		if l.limit != 0 && (lowest == 0 || l.limit < lowest) {
			lowest = l.limit
		}
	}
	return lowest
}

func (l *level) readLimit() float64 {
	var buf [64]byte
	var quota, period []byte
	if l.max != nil {
		quota, period, _ = bytes.Cut(readAll(l.max, buf[:]), []byte(" "))
	} else {
		var second [64]byte
		quota, period = readAll(l.quota, buf[:]), readAll(l.period, second[:])
	}
	q, err := strconv.ParseFloat(string(quota), 64) // an error: max
	p, err2 := strconv.ParseFloat(string(period), 64)
	if err != nil || err2 != nil || q <= 0 || p <= 0 { // version 1: -1 for none
		return 0
	}
	return q / p
}

// readThrottled returns how long the process was throttled since the last call, and in how many
// periods. Each cgroup can stop the process. Of several, the one that was throttled most counts.
func (c cgroup) readThrottled() (throttled time.Duration, periods int) {
	for _, l := range c {
		if l.limit == 0 {
			l.isKnown = false
			continue
		}
		t, p := l.readStat()
		if l.isKnown && t-l.throttled >= throttled && p >= l.periods {
			throttled, periods = t-l.throttled, p-l.periods
		}
		l.throttled, l.periods, l.isKnown = t, p, true
	}
	return throttled, periods
}

// readStat reads cpu.stat. Version 1 has throttled_time, in nanoseconds.
func (l *level) readStat() (throttled time.Duration, periods int) {
	var buf [4096]byte
	for line := range bytes.Lines(readAll(l.stat, buf[:])) {
		key, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
		n, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil || n < 0 {
			continue
		}
		switch string(key) {
		case "nr_throttled":
			periods = int(n)
		case "throttled_usec":
			throttled = time.Duration(n) * time.Microsecond
		case "throttled_time":
			throttled = time.Duration(n)
		}
	}
	return throttled, periods
}

// readAll reads the file from its beginning, as far as it fits, without space around it.
func readAll(f *os.File, buf []byte) []byte {
	n, _ := f.ReadAt(buf, 0) // an error, which may be io.EOF: what was read counts
	return bytes.TrimSpace(buf[:n])
}

// findCgroup returns the folder of the process's cgroup for CPUs, the topmost folder, and the
// version of cgroups. It returns "" if there is none.
func findCgroup(root, process string) (dir, top string, version int) {
	path, version := cgroupPath(process)
	if version == 0 {
		return "", "", 0
	}
	mounts, _ := os.ReadFile(filepath.Join(process, "mountinfo"))
	for line := range strings.Lines(string(mounts)) {
		// 36 35 98:0 /root /mount/point rw,noatime shared:1 - cgroup2 cgroup rw,cpu
		before, after, _ := strings.Cut(line, " - ")
		mount, kind := strings.Fields(before), strings.Fields(after)
		if len(mount) < 5 || len(kind) < 3 {
			continue
		}
		isOurs := version == 2 && kind[0] == "cgroup2" ||
			version == 1 && kind[0] == "cgroup" && slices.Contains(strings.Split(kind[2], ","), "cpu")
		if !isOurs {
			continue
		}
		top = filepath.Join(root, unescape(mount[4]))
		// In a container, the mounted folder may be the cgroup itself, and the path one that the
		// container does not see.
		for _, below := range []string{relative(unescape(mount[3]), path), path, "/"} {
			dir := filepath.Join(top, below) // never above top, since below is absolute
			if _, err := os.Stat(filepath.Join(dir, "cpu.stat")); err == nil {
				return dir, top, version
			}
		}
	}
	return "", "", 0
}

// cgroupPath returns the path of the cgroup that limits CPUs, and its version; 0 means none.
func cgroupPath(process string) (path string, version int) {
	groups, _ := os.ReadFile(filepath.Join(process, "cgroup"))
	for line := range strings.Lines(string(groups)) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3) // 4:cpu,cpuacct:/path or 0::/path
		switch {
		case len(fields) < 3:
		case slices.Contains(strings.Split(fields[1], ","), "cpu"):
			return filepath.Join("/", fields[2]), 1 // with both versions, the controller is in the first
		case fields[1] == "":
			path, version = filepath.Join("/", fields[2]), 2
		}
	}
	return path, version
}

// relative returns the path below root, or / if it is not below.
func relative(root, path string) string {
	below, err := filepath.Rel(root, path)
	if err != nil || below == ".." || strings.HasPrefix(below, "../") {
		return "/"
	}
	return filepath.Join("/", below)
}

// unescape replaces the kernel's escapes of white space in a path, such as \040.
func unescape(path string) string {
	for _, c := range []byte(" \t\n\\") {
		path = strings.ReplaceAll(path, fmt.Sprintf(`\%03o`, c), string(c))
	}
	return path
}
