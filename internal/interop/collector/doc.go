// Package collector tests an OpenTelemetry Collector that has the connector gap, alone and behind
// Kafka. It is a separate package because the tests need programs that only .ci/full installs.
package collector
