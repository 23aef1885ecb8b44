package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
)

// child is this program, run again for a part that needs a process of its own. It ends with its input.
type child struct {
	told string // the first line it printed
	in   io.WriteCloser
	wait func() error
}

// startChild runs this program with a flag, gives it input, and waits for its first line.
func startChild(flag string, env []string, input []byte) (*child, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, flag)
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
