//go:build race

package weaver

const raceDetector = true
