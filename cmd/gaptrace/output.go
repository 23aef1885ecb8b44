package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
)

// output is where a report goes: to a stream, or to a file beside the one that is to be replaced, so that there is all of it or nothing.
// It may be discarded while it is opened, written or committed.
type output struct {
	ctx    context.Context // of the run: when it has ended, nothing is written any more
	stdout io.Writer
	file   *os.File // nil for stdout

	mu     sync.Mutex // held for what does not take long
	name   string     // of the file to be, "" if none is to be replaced
	beside string     // of the file that is going to be called that, "" if there is none
	state  state
}

type state int

const (
	unfinished state = iota
	committed
	discarded
)

func newOutput(ctx context.Context, stdout io.Writer) *output {
	return &output{ctx: ctx, stdout: stdout}
}

// open opens what -o names.
func (o *output) open(name string) error {
	if name == "-" || name == "" {
		return nil
	}
	mode := fs.FileMode(0)
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("%s: a folder, and so no file to write to", name)
	case err == nil && !info.Mode().IsRegular(): // a device or a pipe, which cannot be replaced
		o.file, err = os.OpenFile(name, os.O_WRONLY, 0) // may wait for who reads the pipe, and so not with o.mu
		return err
	case err == nil:
		mode = info.Mode().Perm()
		if name, err = filepath.EvalSymlinks(name); err != nil { // the file is replaced, not what points to it
			return err
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state == discarded { // nobody would remove the file
		return o.ctx.Err()
	}
	beside := filepath.Join(filepath.Dir(name), fmt.Sprintf(".gaptrace-%016x", rand.Uint64()))
	f, err := os.OpenFile(beside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			e.Path = name // nobody knows the other
		}
		return err
	}
	if mode != 0 {
		_ = f.Chmod(mode) // where that fails the report is still what counts
	}
	o.file, o.name, o.beside = f, name, beside
	return nil
}

// Write writes nothing of a run that was interrupted, as far as it can.
func (o *output) Write(p []byte) (int, error) {
	if err := o.ctx.Err(); err != nil {
		return 0, err
	}
	if o.file != nil {
		return o.file.Write(p)
	}
	return o.stdout.Write(p)
}

// stream is what might be a terminal.
func (o *output) stream() any {
	if o.file != nil {
		return o.file
	}
	return o.stdout
}

// commit makes the file of that name what was written, unless the run was interrupted.
func (o *output) commit() error {
	if o.file != nil {
		if err := o.file.Close(); err != nil {
			return cmp.Or(o.ctx.Err(), err)
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.ctx.Err(); err != nil {
		return err
	}
	if o.beside != "" {
		if err := os.Rename(o.beside, o.name); err != nil {
			return err
		}
	}
	o.state = committed
	return nil
}

// discard leaves everything as it was. It returns false if commit came first.
func (o *output) discard() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.state == committed:
		return false
	case o.state == unfinished && o.beside != "":
		o.file.Close()
		os.Remove(o.beside)
	}
	o.state = discarded
	return true
}
