package main

import (
	_ "github.com/rogpeppe/go-internal/testscript"
	_ "golang.org/x/mod/zip"
)
