// Package spantest is a strict tracer in memory, for tests: it draws the spans it was given as an
// indented tree, and tells every misuse of a span.
package spantest
