// Package input reads spans from a file or a pipe, in any format that gaptrace reads. It detects
// the format:
//
//	bytes → gzip, zstd, bzip2? → UTF-16? → JSON: the first key that only one format has → a reader
//	                                     → OTLP in protobuf                              → a reader
//	                                     → anything else                                 → an Unknown
package input
