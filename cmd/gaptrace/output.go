package main

import (
	"cmp"
	"compress/gzip"
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

// output is where a report goes: stdout, or the file that -o names. A file is written atomically,
// to a temporary file in the same directory that commit renames.
//
//	unfinished --commit--> committed
//	     |
//	     +------discard--> discarded    the temporary file is removed
//
// discard may be called at any time, also during open, Write and commit.
type output struct {
	ctx    context.Context // of the run; nothing is written after it ends
	stdout io.Writer
	file   *os.File     // nil for stdout
	zip    *gzip.Writer // compresses what file gets; nil if it is not compressed

	mu    sync.Mutex // never held while something may block
	name  string     // the file to replace; "" if none
	temp  string     // the temporary file; "" if none
	state outputState
}

type outputState int

const (
	unfinished outputState = iota
	committed
	discarded
)

func newOutput(ctx context.Context, stdout io.Writer) *output {
	return &output{ctx: ctx, stdout: stdout}
}

// open opens the file that -o names.
func (o *output) open(name string) error {
	if name == "-" || name == "" {
		return nil
	}
	mode := fs.FileMode(0)
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("%s is a directory; -o needs the name of a file", name)
	case err == nil && !info.Mode().IsRegular(): // a device or a pipe, which a rename would replace
		o.file, err = os.OpenFile(name, os.O_WRONLY, 0) // without o.mu: may block until a pipe has a reader
		return err
	case err == nil:
		mode = info.Mode().Perm()
		if name, err = filepath.EvalSymlinks(name); err != nil { // replace the file, not the link to it
			return err
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state == discarded { // discard, which removes the temporary file, has already run
		return o.ctx.Err()
	}
	temp := filepath.Join(filepath.Dir(name), fmt.Sprintf(".gaptrace-%016x", rand.Uint64()))
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			e.Path = name // the user did not choose the name of the temporary file
		}
		return err
	}
	if mode != 0 {
		_ = f.Chmod(mode) // the report matters more than its mode
	}
	o.file, o.name, o.temp = f, name, temp
	return nil
}

// Write fails after the end of the run, so that an interrupted run writes no more.
func (o *output) Write(p []byte) (int, error) {
	if err := o.ctx.Err(); err != nil {
		return 0, err
	}
	if o.zip != nil {
		return o.zip.Write(p)
	}
	if o.file != nil {
		return o.file.Write(p)
	}
	return o.stdout.Write(p)
}

// stream returns the file or stdout, which may be a terminal.
func (o *output) stream() any {
	if o.file != nil {
		return o.file
	}
	return o.stdout
}

// commit moves the temporary file into place, unless the run was interrupted.
func (o *output) commit() error {
	if o.zip != nil {
		if err := o.zip.Close(); err != nil {
			return cmp.Or(o.ctx.Err(), err)
		}
	}
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
	if o.temp != "" {
		if err := os.Rename(o.temp, o.name); err != nil {
			return err
		}
	}
	o.state = committed
	return nil
}

// discard removes the temporary file. It returns false if commit came first.
func (o *output) discard() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.state == committed:
		return false
	case o.state == unfinished && o.temp != "":
		o.file.Close()
		os.Remove(o.temp)
	}
	o.state = discarded
	return true
}
