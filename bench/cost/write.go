package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// section is where in a document a table stands: behind a comment that says what makes it, and before one that ends it.
func section(flag string) (begin, end string) {
	if flag != "" {
		flag = " -" + flag
	}
	return "<!-- bench/cost" + flag + " -->", "<!-- end -->"
}

// replace puts text in place of a section of document.
func replace(document []byte, flag string, text []byte) ([]byte, error) {
	begin, end := section(flag)
	head, rest, found := bytes.Cut(document, []byte(begin+"\n"))
	_, tail, ended := bytes.Cut(rest, []byte(end))
	if !found || !ended {
		return nil, fmt.Errorf("%s … %s is not there", begin, end)
	}
	return bytes.Join([][]byte{head, []byte(begin + "\n\n"), bytes.TrimSpace(text), []byte("\n\n" + end), tail}, nil), nil
}

// writable is an error where a file cannot be written, or has no sections for these flags' tables.
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

// rewrite replaces a section of a file. All else in it is prose, and stays.
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
