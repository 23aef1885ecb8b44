package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// onTerminal runs the program with all its streams on a terminal, and returns what it printed.
func onTerminal(t *testing.T, columns uint16, args ...string) (code int, screen string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	defer master.Close()
	fd := int(master.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: columns})
	}
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	shown := make(chan string)
	go func() {
		text, _ := io.ReadAll(master) // ends when the last file of the terminal is closed
		shown <- string(text)
	}()
	code = run(t.Context(), func() {}, args, tty, tty, tty)
	tty.Close()
	return code, <-shown
}

func TestColorsOnTerminal(t *testing.T) {
	for name, test := range map[string]struct {
		term, noColor, flag string
		want                bool
	}{
		"xterm":          {"xterm", "", "auto", true},
		"NO_COLOR":       {"xterm", "1", "auto", false},
		"dumb":           {"dumb", "", "auto", false},
		"--color never":  {"xterm", "", "never", false},
		"--color always": {"dumb", "1", "always", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TERM", test.term)
			t.Setenv("NO_COLOR", test.noColor)
			code, screen := onTerminal(t, 100, "report", "--color", test.flag, shopTraces)
			if code != 0 || strings.Contains(screen, "\x1b[") != test.want {
				t.Errorf("exit code %d\n%q", code, screen)
			}
		})
	}
}

func TestTextFitsTerminal(t *testing.T) {
	t.Setenv("LC_ALL", "C")
	_, screen := onTerminal(t, 70, "report", "--color", "never", shopTraces)
	for line := range strings.Lines(screen) {
		if line = strings.TrimRight(line, "\r\n"); len(line) > 70 && !strings.HasPrefix(line, "Trace ") {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
	if strings.Contains(screen, "█") || !strings.Contains(screen, "###") {
		t.Errorf("not ASCII, which the locale asks for:\n%s", screen)
	}
}

func TestNoProfileOnTerminal(t *testing.T) {
	code, screen := onTerminal(t, 100, "report", "--format", "pprof", shopTraces)
	const want = "gaptrace: a profile is binary and not for a terminal: write it with -o self.pb.gz"
	if code != exitUsage || !strings.HasPrefix(screen, want) {
		t.Errorf("exit code %d, %q", code, screen)
	}
}

func TestNoInputFromTerminal(t *testing.T) {
	code, screen := onTerminal(t, 100, "report")
	if code != exitUsage || !strings.Contains(screen, "no input: name a file, a URL, or -") {
		t.Errorf("exit code %d, %q", code, screen)
	}
}
