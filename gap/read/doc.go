// Package read has the options and errors that all readers of spans share: packages jaegerjson,
// zipkinjson and otlp.
//
// A reader yields spans without an error, or an error without spans. Errors come after all spans.
// An [*Error] says at which byte the input is malformed, and what was expected there.
package read
