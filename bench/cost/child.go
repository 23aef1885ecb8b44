package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
)

// The parts of this program that are processes of their own, as their only argument. They are no flags: nobody is to give one
// who is not this program.
const (
	asSink    = "-sink"  // what -export and -service send to
	asService = "-serve" // what -service loads
)

// partOf is the part that the arguments are for, nil where they are a user's.
func partOf(args []string) func(stdin io.Reader, stdout io.Writer) error {
	if len(args) == 1 {
		switch args[0] {
		case asSink:
			return serveSink
		case asService:
			return serveShop
		}
	}
	return nil
}

// child is this program, run again for a part that needs a process of its own. It ends with its input.
type child struct {
	told string // the first line it printed
	in   io.WriteCloser
	wait func() error
}

// startChild runs a part of this program, gives it input, and waits for its first line.
func startChild(part string, env []string, input []byte) (*child, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, part)
	cmd.Stderr, cmd.Env = os.Stderr, append(os.Environ(), env...)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &child{in: in, wait: cmd.Wait}
	if _, err = in.Write(input); err == nil {
		c.told, err = bufio.NewReader(out).ReadString('\n')
	}
	if err != nil {
		_ = c.stop()
		return nil, err
	}
	return c, nil
}

func (c *child) stop() error {
	_ = c.in.Close()
	return c.wait()
}
