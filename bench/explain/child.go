package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// The first argument of a child process. These are not flags for users.
const (
	asBurner = "-burner" // uses a CPU until its input ends
	asClient = "-client" // loads a server
	asReader = "-reader" // explains an execution trace
)

// childProcess returns the main function of a child process, or nil if the arguments are a user's.
func childProcess(args []string) func(arguments []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case asBurner:
			return burner
		case asClient:
			return loadClient
		case asReader:
			return speedReader
		}
	}
	return nil
}

// child is this program, running again as a child process. It exits at the end of its input.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// startChild starts a child process and waits for its first line.
func startChild(arguments ...string) (*child, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, arguments...)
	cmd.Stderr = os.Stderr
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
	c := &child{cmd, in, bufio.NewReader(out)}
	if _, err := c.out.ReadString('\n'); err != nil {
		c.stop()
		return nil, fmt.Errorf("child process: %w", err)
	}
	return c, nil
}

func (c *child) stop() {
	c.in.Close()
	_ = c.cmd.Wait() // its work is over, however it exits
}

// ready writes the first line.
func ready(stdout io.Writer) { fmt.Fprintln(stdout, "ready") }

func burner(_ []string, stdin io.Reader, stdout io.Writer) error {
	ready(stdout)
	ended := make(chan bool)
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		close(ended)
	}()
	const most = time.Hour // if the parent is stopped
	for start := time.Now(); time.Since(start) < most; {
		select {
		case <-ended:
			return nil
		default:
			hash(1000)
		}
	}
	return nil
}
