package weaver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// readOverlay copies the files of the user's -overlay to b.overlay, with absolute paths.
func (b *weaving) readOverlay() error {
	dir, err := b.workingFolder()
	if err != nil {
		return err
	}
	absolute := func(path string) string {
		if path == "" || filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(dir, path)
	}
	name := absolute(b.args.overlay)
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var users struct{ Replace map[string]string }
	if err := json.Unmarshal(text, &users); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for from, to := range users.Replace {
		if from != "" {
			b.overlay[filepath.Clean(absolute(from))] = absolute(to)
		}
	}
	return nil
}

// workingFolder returns the folder in which the go command runs, as the go command names it: after
// -C, without symbolic links.
func (b *weaving) workingFolder() (string, error) {
	if b.args.dir == "" {
		return os.Getwd()
	}
	dir, err := filepath.EvalSymlinks(b.args.dir)
	if err != nil {
		return "", err
	}
	return filepath.Abs(dir)
}

// read reads a file as the go command does, which may have a replacement in the overlay.
func (b *weaving) read(path string) ([]byte, error) {
	to, ok := b.overlay[path]
	switch {
	case !ok:
		return os.ReadFile(path)
	case to == "":
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return os.ReadFile(to)
}

// write writes a file to the temporary folder, and adds it to the overlay as path.
func (b *weaving) write(path string, text []byte) error {
	b.files++
	name := filepath.Join(b.temp, fmt.Sprintf("%d_%s", b.files, filepath.Base(path)))
	b.overlay[path] = name
	return os.WriteFile(name, text, 0o666)
}

// atOriginalLines returns the text of a Go file with a directive that names the original file. Go
// accepts a byte order mark only at the beginning of a file, so it is left out.
func atOriginalLines(path string, text []byte) []byte {
	return append([]byte("//line "+path+":1\n"), bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))...)
}

func (b *weaving) overlayFile() string { return filepath.Join(b.temp, "overlay.json") }

func (b *weaving) writeOverlay() error {
	text, err := json.Marshal(map[string]any{"Replace": b.overlay})
	if err != nil {
		return err
	}
	return os.WriteFile(b.overlayFile(), text, 0o666)
}
