package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
)

// The only argument of a child process. These are not flags for users.
const (
	asSink    = "-sink"  // takes the spans of -export and -service
	asService = "-serve" // is the service that -service loads
	asWoven   = "-calls" // makes the calls of -woven
)

// childProcess returns the main function of a child process, or nil if the arguments are a user's.
func childProcess(args []string) func(stdin io.Reader, stdout io.Writer) error {
	if len(args) == 1 {
		switch args[0] {
		case asSink:
			return serveSink
		case asService:
			return serveShop
		case asWoven:
			return serveWoven
		}
	}
	return nil
}

// child is this program, running again as a child process. It exits at the end of its input.
type child struct {
	firstLine string // of its output
	in        io.WriteCloser
	out       *bufio.Reader // after the first line
	wait      func() error
}

// startChild starts a child process, writes its input, and waits for its first line.
func startChild(argument string, env []string, input []byte) (*child, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return startProgram(program, argument, env, input)
}

// startProgram is startChild with another build of this program.
func startProgram(program, argument string, env []string, input []byte) (*child, error) {
	cmd := exec.Command(program, argument)
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
	c := &child{in: in, out: bufio.NewReader(out), wait: cmd.Wait}
	if _, err = in.Write(input); err == nil {
		c.firstLine, err = c.out.ReadString('\n')
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
