package weaver

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// readOverlay copies the files of the user's -overlay to b.overlay.
func (b *weaving) readOverlay() error {
	name := b.args.overlay
	if !filepath.IsAbs(name) {
		name = filepath.Join(b.args.dir, name)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var users struct{ Replace map[string]string }
	if err := json.Unmarshal(text, &users); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for from, to := range users.Replace {
		if from, err = filepath.Abs(filepath.Join(b.args.dir, from)); filepath.IsAbs(from) && err == nil {
			b.overlay[from] = to
		}
	}
	return err
}

// write writes a file to the temporary folder, and adds it to the overlay as path.
func (b *weaving) write(path string, text []byte) error {
	b.files++
	name := filepath.Join(b.temp, fmt.Sprintf("%d_%s", b.files, filepath.Base(path)))
	b.overlay[path] = name
	return os.WriteFile(name, text, 0o666)
}

func (b *weaving) overlayFile() string { return filepath.Join(b.temp, "overlay.json") }

func (b *weaving) writeOverlay() error {
	text, err := json.Marshal(map[string]any{"Replace": b.overlay})
	if err != nil {
		return err
	}
	return os.WriteFile(b.overlayFile(), text, 0o666)
}
