package main

import (
	"errors"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// isURL reports whether an argument is a URL rather than a file. "http:host" counts as an (invalid)
// URL, because it is hardly the name of a file.
func isURL(arg string) bool {
	scheme, _, ok := strings.Cut(strings.ToLower(arg), ":")
	return ok && (scheme == "http" || scheme == "https")
}

// looksLikeHost reports whether an argument that is no file is probably a URL without http://, such
// as localhost:16686/jaeger.
func looksLikeHost(arg string) bool {
	host, _, _ := strings.Cut(arg, "/")
	name, port, err := net.SplitHostPort(host)
	number, notNumber := strconv.ParseUint(port, 10, 16)
	return err == nil && notNumber == nil && number > 0 && name != "" && !strings.ContainsAny(name, ` \@`)
}

// openFile opens a file. Its errors say what to do if the name is not that of a file.
func openFile(name string) (*os.File, error) {
	f, err := os.Open(name)
	if err == nil {
		info, err := f.Stat()
		if err == nil && info.IsDir() {
			f.Close()
			return nil, fileError{name, "is a directory; name its files, as in " + strings.TrimRight(name, "/") + "/*"}
		}
		return f, nil
	}
	switch {
	case name == "":
		return nil, errors.New("an argument is empty, and not the name of a file; perhaps a variable is not set")
	case strings.Contains(name, "@") && strings.Contains(name, ":"):
		// Perhaps a URL without http://, whose password must not be printed.
		reason := err
		if e, ok := errors.AsType[*os.PathError](err); ok {
			reason = e.Err
		}
		return nil, fileError{"an argument " + notRepeated, "cannot be opened: " + reason.Error() + "; a URL begins with http:// or https://"}
	case looksLikeHost(name):
		return nil, fileError{name, "is not a file; as a URL it begins with http:// or https://, as in http://" + name}
	}
	return nil, err
}

// fileError is an error about a file that an argument names.
type fileError struct{ name, text string }

func (e fileError) Error() string { return e.name + " " + e.text }

// withoutUser returns the URL of a web page without user and password. The error does not repeat
// it.
func withoutUser(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", errors.New("want an http:// or https:// URL")
	}
	u.User = nil
	return u.String(), nil
}

// quoted quotes an argument for an error, unless it may be a URL with a password.
func quoted(arg string) string {
	if strings.Contains(arg, "@") {
		return notRepeated
	}
	return strconv.Quote(arg)
}
