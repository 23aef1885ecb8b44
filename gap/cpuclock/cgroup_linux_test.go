package cpuclock

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// writeFiles writes files below a new folder.
func writeFiles(t *testing.T, files map[string]string) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, text := range files {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestCgroup(t *testing.T) {
	const (
		mount2 = "30 23 0:26 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
		mount1 = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n" +
			"33 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n" +
			"32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
		stat0, stat7 = "usage_usec 1\nnr_throttled 0\nthrottled_usec 0\n", "usage_usec 1\nnr_throttled 7\nthrottled_usec 7000\n"
	)
	tests := map[string]struct {
		files     map[string]string
		limit     float64
		later     map[string]string
		throttled time.Duration
		periods   int
	}{
		"version 2": {
			files: map[string]string{
				"p/cgroup": "0::/app\n", "p/mountinfo": mount2,
				"sys/fs/cgroup/cpu.stat":     stat0, // the root has no cpu.max
				"sys/fs/cgroup/app/cpu.stat": stat7, "sys/fs/cgroup/app/cpu.max": "50000 100000\n",
			},
			limit:     0.5,
			later:     map[string]string{"sys/fs/cgroup/app/cpu.stat": "nr_throttled 9\nthrottled_usec 7500\n"},
			throttled: 500 * time.Microsecond, periods: 2,
		},
		"version 2, nested": {
			files: map[string]string{
				"p/cgroup": "0::/pod/app\n", "p/mountinfo": mount2,
				"sys/fs/cgroup/pod/app/cpu.stat": stat0, "sys/fs/cgroup/pod/app/cpu.max": "max 100000\n",
				"sys/fs/cgroup/pod/cpu.stat": stat7, "sys/fs/cgroup/pod/cpu.max": "150000 100000\n",
			},
			limit: 1.5,
			later: map[string]string{
				"sys/fs/cgroup/pod/app/cpu.stat": stat7, // has no limit, so it does not count
				"sys/fs/cgroup/pod/cpu.stat":     "nr_throttled 8\nthrottled_usec 7001\n",
			},
			throttled: time.Microsecond, periods: 1,
		},
		"version 2, two limits": {
			files: map[string]string{
				"p/cgroup": "0::/pod/app\n", "p/mountinfo": mount2,
				"sys/fs/cgroup/pod/app/cpu.stat": stat0, "sys/fs/cgroup/pod/app/cpu.max": "200000 100000\n",
				"sys/fs/cgroup/pod/cpu.stat": stat0, "sys/fs/cgroup/pod/cpu.max": "300000 100000\n",
			},
			limit: 2,
			later: map[string]string{
				"sys/fs/cgroup/pod/app/cpu.stat": "nr_throttled 3\nthrottled_usec 30\n",
				"sys/fs/cgroup/pod/cpu.stat":     "nr_throttled 2\nthrottled_usec 40\n",
			},
			throttled: 40 * time.Microsecond, periods: 2,
		},
		"version 2, in a container that sees only its own": {
			files: map[string]string{
				"p/cgroup":               "0::/../other/app\n",
				"p/mountinfo":            "30 23 0:26 /../pod/app /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
				"sys/fs/cgroup/cpu.stat": stat7, "sys/fs/cgroup/cpu.max": "25000 100000",
			},
			limit: 0.25,
		},
		"version 2, space in the path": {
			files: map[string]string{
				"p/cgroup": "0::/a b\n", "p/mountinfo": `30 23 0:26 / /c\040g\134 rw - cgroup2 cgroup2 rw`,
				`c g\/a b/cpu.stat`: stat7, `c g\/a b/cpu.max`: "100000 100000",
			},
			limit: 1,
		},
		"version 1": {
			files: map[string]string{
				"p/cgroup":    "9:memory:/other\n4:cpu,cpuacct:/docker/abc\n0::/\n",
				"p/mountinfo": mount1 + mount2,
				"sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.stat":          "nr_periods 9\nnr_throttled 7\nthrottled_time 7000\n",
				"sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us":  "400000\n",
				"sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us": "200000\n",
				"sys/fs/cgroup/cpu,cpuacct/docker/cpu.stat":              stat0,
				"sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_quota_us":      "-1\n",
				"sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_period_us":     "100000\n",
			},
			limit: 2,
			later: map[string]string{
				"sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.stat": "nr_throttled 8\nthrottled_time 7123\n",
			},
			throttled: 123, periods: 1,
		},
		"version 1, in a container": {
			files: map[string]string{
				"p/cgroup":                   "4:cpu:/docker/abc/x\n",
				"p/mountinfo":                "32 31 0:29 /docker/abc /cg/cpu ro - cgroup cgroup rw,cpu\n",
				"cg/cpu/x/cpu.stat":          "nr_throttled 0\nthrottled_time 0\n",
				"cg/cpu/x/cpu.cfs_quota_us":  "10000\n",
				"cg/cpu/x/cpu.cfs_period_us": "100000\n",
			},
			limit: 0.1,
		},
		"counters that fell": {
			files: map[string]string{
				"p/cgroup": "0::/app\n", "p/mountinfo": mount2,
				"sys/fs/cgroup/app/cpu.stat": stat7, "sys/fs/cgroup/app/cpu.max": "50000 100000\n",
			},
			limit: 0.5,
			later: map[string]string{"sys/fs/cgroup/app/cpu.stat": stat0},
		},
		"limit removed": {
			files: map[string]string{
				"p/cgroup": "0::/app\n", "p/mountinfo": mount2,
				"sys/fs/cgroup/app/cpu.stat": stat0, "sys/fs/cgroup/app/cpu.max": "50000 100000\n",
			},
			limit: 0.5,
			later: map[string]string{"sys/fs/cgroup/app/cpu.stat": stat7, "sys/fs/cgroup/app/cpu.max": "max 100000\n"},
		},
		"limit added": {
			files: map[string]string{
				"p/cgroup": "0::/app\n", "p/mountinfo": mount2,
				"sys/fs/cgroup/app/cpu.stat": stat0, "sys/fs/cgroup/app/cpu.max": "max 100000\n",
			},
			later: map[string]string{"sys/fs/cgroup/app/cpu.stat": stat7, "sys/fs/cgroup/app/cpu.max": "50000 100000\n"},
		},
		"malformed": {
			files: map[string]string{
				"p/cgroup": "x\n0::/app\n", "p/mountinfo": "x\n- x\n" + mount2,
				"sys/fs/cgroup/app/cpu.stat": "x\nnr_throttled x\n\n", "sys/fs/cgroup/app/cpu.max": "0 0",
			},
		},
		"not mounted": {files: map[string]string{"p/cgroup": "0::/app\n", "p/mountinfo": ""}},
		"missing":     {},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			root := writeFiles(t, test.files)
			c := openCgroup(root, filepath.Join(root, "p"))
			defer c.close()
			if limit := c.readLimit(); limit != test.limit {
				t.Errorf("limit %v", limit)
			}
			if throttled, periods := c.readThrottled(); throttled != 0 || periods != 0 {
				t.Errorf("at first throttled %v in %d periods", throttled, periods)
			}
			for name, text := range test.later { // in place, since the files stay open
				if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			c.readLimit()
			throttled, periods := c.readThrottled()
			if throttled != test.throttled || periods != test.periods {
				t.Errorf("throttled %v in %d periods, want %v in %d", throttled, periods, test.throttled, test.periods)
			}
		})
	}
}

// TestThrottled runs itself in a real cgroup of a tenth of a CPU, if it may make one.
func TestThrottled(t *testing.T) {
	if os.Getenv("CPUCLOCK_THROTTLED") != "" {
		burnInCgroup(t)
		return
	}
	dir, _, version := findCgroup("/", "/proc/self")
	dir = filepath.Join(dir, fmt.Sprintf("cpuclock-test-%d", os.Getpid()))
	if version == 0 || os.Mkdir(dir, 0o755) != nil {
		t.Skip("skipped: this test may not make a cgroup")
	}
	defer os.Remove(dir)
	limit, quota := "cpu.max", "10000 100000"
	if version == 1 {
		limit, quota = "cpu.cfs_quota_us", "10000"
	}
	if err := os.WriteFile(filepath.Join(dir, limit), []byte(quota), 0); err != nil {
		t.Skipf("skipped: this test may not limit CPUs: %v", err)
	}
	self := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestThrottled$", "-test.v")
	self.Env = append(os.Environ(), "CPUCLOCK_THROTTLED="+dir)
	output, err := self.CombinedOutput()
	switch {
	case err != nil:
		t.Errorf("%v\n%s", err, output)
	case strings.Contains(string(output), "--- SKIP"):
		t.Skipf("%s", output)
	}
}

func burnInCgroup(t *testing.T) {
	dir := os.Getenv("CPUCLOCK_THROTTLED")
	if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(os.Getpid())), 0); err != nil {
		t.Skipf("skipped: this test may not enter a cgroup: %v", err)
	}
	var samples []Sample
	c := openClocks()
	defer c.close()
	c.write = func(message string) {
		s, err := Parse(message)
		if err != nil {
			t.Error(err)
		}
		samples = append(samples, s)
	}
	c.sample(time.Now())
	if samples[0].Limit != 0.1 {
		t.Errorf("limit %v", samples[0].Limit)
	}
	var throttled time.Duration
	periods := 0
	for start := time.Now(); time.Since(start) < 20*time.Second; {
		for begin := time.Now(); time.Since(begin) < 20*time.Millisecond; {
		}
		c.sample(time.Now())
		s := samples[len(samples)-1]
		throttled, periods = throttled+s.Throttled, periods+s.Periods
		if (s.Throttled > 0 || s.Periods > 0) != (s.ThrottledSince > 0) {
			t.Errorf("%+v", s)
		}
		if throttled > 0 && periods > 0 {
			return
		}
	}
	t.Skipf("skipped: throttled %v in %d periods; the machine is so busy that the limit does not matter", throttled, periods)
}
