package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// output is where a report goes: to a stream, or to a file beside the one that is to be replaced, so that there is all of it or nothing.
type output struct {
	io.Writer
	file *os.File // nil for a stream
	name string   // of the file to be
	done bool
}

// create opens what -o names.
func create(name string, stdout io.Writer) (*output, error) {
	if name == "-" || name == "" {
		return &output{Writer: stdout}, nil
	}
	mode := fs.FileMode(0)
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return nil, fmt.Errorf("%s: a folder, and so no file to write to", name)
	case err == nil && !info.Mode().IsRegular(): // a device or a pipe, which cannot be replaced
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		return &output{Writer: f, file: f}, err
	case err == nil:
		mode = info.Mode().Perm()
		if name, err = filepath.EvalSymlinks(name); err != nil { // the file is replaced, not what points to it
			return nil, err
		}
	}
	beside := filepath.Join(filepath.Dir(name), fmt.Sprintf(".gaptrace-%016x", rand.Uint64()))
	f, err := os.OpenFile(beside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			e.Path = name // nobody knows the other
		}
		return nil, err
	}
	if mode != 0 {
		_ = f.Chmod(mode) // where that fails the report is still what counts
	}
	return &output{Writer: f, file: f, name: name}, nil
}

// stream is what might be a terminal.
func (o *output) stream() any {
	if o.file != nil {
		return o.file
	}
	return o.Writer
}

// commit makes the file of that name what was written.
func (o *output) commit() error {
	if o.file == nil {
		return nil
	}
	err := o.file.Close()
	if err == nil && o.name != "" {
		err = os.Rename(o.file.Name(), o.name)
	}
	o.done = err == nil
	return err
}

// discard leaves everything as it was, unless commit came first.
func (o *output) discard() {
	if o.file == nil || o.done {
		return
	}
	o.file.Close()
	if o.name != "" {
		os.Remove(o.file.Name())
	}
}
