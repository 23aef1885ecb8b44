package driver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// Changes returns all changes of files, go.mod included.
func (f *Fixes) Changes() []Change {
	changes := slices.Clone(f.Files)
	for _, m := range f.Modules {
		if m.File != nil {
			changes = append(changes, *m.File)
		}
	}
	return changes
}

// Write writes [Fixes.Changes]. It writes temporary files next to the files that change, and then
// renames them. If anything fails, or ctx ends before the first rename, all files stay as they
// were.
func (f *Fixes) Write(ctx context.Context) error {
	var replacements []replacement
	defer func() {
		for _, r := range replacements {
			os.Remove(r.temp) // fails after the rename
		}
	}()
	for _, c := range f.Changes() {
		r, err := prepare(c)
		if r.temp != "" {
			replacements = append(replacements, r)
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
	}
	for i, r := range replacements {
		if err := os.Rename(r.temp, r.name); err != nil {
			for _, done := range replacements[:i] {
				err = errors.Join(err, done.restore())
			}
			return err
		}
	}
	return nil
}

// replacement is a temporary file with the new contents of a file.
type replacement struct {
	name, temp string
	before     []byte
	mode       fs.FileMode
}

// prepare writes the new contents of a file to a temporary file next to it.
func prepare(c Change) (replacement, error) {
	name, err := filepath.EvalSymlinks(c.Name) // replace the file, not the link to it
	if err != nil {
		return replacement{}, err
	}
	info, err := os.Stat(name)
	if err != nil {
		return replacement{}, err
	}
	if now, err := os.ReadFile(name); err != nil || !bytes.Equal(now, c.Before) {
		if err == nil {
			err = fmt.Errorf("%s has changed since it was read: run gaptrace fix again", name)
		}
		return replacement{}, err
	}
	if info.Mode().Perm()&0o200 == 0 { // a rename would replace even a read-only file
		return replacement{}, &fs.PathError{Op: "write", Path: name, Err: fs.ErrPermission}
	}
	r := replacement{name: name, before: c.Before, mode: info.Mode().Perm()}
	r.temp, err = writeTemp(name, c.After, r.mode)
	return r, err
}

// writeTemp writes a file next to name.
func writeTemp(name string, content []byte, mode fs.FileMode) (string, error) {
	temp := filepath.Join(filepath.Dir(name), fmt.Sprintf(".gaptrace-%016x", rand.Uint64()))
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			e.Path = name // the user did not choose the name of the temporary file
		}
		return "", err
	}
	_, err = f.Write(content)
	return temp, errors.Join(err, f.Chmod(mode), f.Close())
}

// restore brings back the old contents.
func (r replacement) restore() error {
	temp, err := writeTemp(r.name, r.before, r.mode)
	if err != nil {
		return err
	}
	return os.Rename(temp, r.name)
}
