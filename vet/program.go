package vet

import (
	"go/token"
)

// program is what is checked together.
type program struct {
	units    []*unit
	findings []finding
	skipped  []skipped
}

type skipped struct {
	rule string
	unit *unit
	pos  token.Pos
}

func newProgram(units []*unit, _ any) *program { return &program{units: units} }

func (p *program) check() {}
