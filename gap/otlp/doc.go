// Package otlp reads and writes spans in OTLP, the format of OpenTelemetry.
package otlp
