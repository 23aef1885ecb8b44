package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// section returns the comments before and after a table in a document. The first names the command
// that makes the table.
func section(flag string) (begin, end string) {
	if flag != "" {
		flag = " -" + flag
	}
	return "<!-- bench/cost" + flag + " -->", "<!-- end -->"
}

// replace replaces a section of document by text.
func replace(document []byte, flag string, text []byte) ([]byte, error) {
	begin, end := section(flag)
	head, rest, found := bytes.Cut(document, []byte(begin+"\n"))
	_, tail, ended := bytes.Cut(rest, []byte(end))
	if !found || !ended {
		return nil, fmt.Errorf("no section %s … %s", begin, end)
	}
	parts := [][]byte{head, []byte(begin + "\n\n"), bytes.TrimSpace(text), []byte("\n\n" + end), tail}
	return bytes.Join(parts, nil), nil
}

// writable returns an error if a file cannot be written, or has no section for one of the tables.
func writable(file string, flags []string) error {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	document, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	for _, flag := range flags {
		if _, err := replace(document, flag, nil); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

// rewrite replaces a section of a file, and keeps the rest.
func rewrite(file, flag string, r Result) error {
	document, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	r.table(&text)
	if document, err = replace(document, flag, text.Bytes()); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, document, 0o644)
}
