package servers

import (
	"errors"
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

func TestUnfitMachineSkipsOrFails(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("skipped: the messages are Linux's")
	}
	for script, want := range map[string]string{
		"kill -KILL $$": "signal: killed; free memory",
		"kill -SYS $$":  "signal: bad system call",
		"echo 'FATAL:zygote_host.cc No usable sandbox! If you are'; exit 133": "No usable sandbox! If you are; " +
			"allow user namespaces",
		"echo 'x: error while loading shared libraries: liby.so: cannot open'; exit 127": "liby.so: cannot open; " +
			"install the library",
		"echo 'x: /lib/libc.so.6: version `GLIBC_2.99'\"'\"' not found (required by x)'; exit 1": "GLIBC_2.99' not found " +
			"(required by x); install one",
		"echo '[emerg] bind() to 127.0.0.1:80 failed (13: Permission denied): permission denied'; exit 1": "allow programs " +
			"to listen on 127.0.0.1",
		"echo 'runtime: out of memory: cannot allocate 64-byte block'; exit 2": "free memory",
	} {
		s := server{
			name:    "ended",
			command: func(string, []string) (*exec.Cmd, error) { return exec.Command("/bin/sh", "-c", script), nil },
			ready:   func(*Process, []string) error { return errors.New("never") },
		}
		for required, prefix := range map[string]string{"": "skipped: ", "1": "GAPTRACE_REQUIRE_SERVERS=1, but "} {
			t.Setenv("GAPTRACE_REQUIRE_SERVERS", required)
			var f fake
			f.run(func() { s.start(&f) })
			got := f.skip
			if required == "1" {
				got = f.fatal
			}
			if !strings.HasPrefix(got, prefix+"ended cannot run on this machine: ") || !strings.Contains(got, want) {
				t.Errorf("%s, required %q: %s", script, required, f.outcome())
			}
		}
	}
}
