package weaver

import (
	"bytes"
	"cmp"
	"os"
	"os/exec"
	"slices"
	"testing"
)

// orchestrionTool makes orchestrion read weave/orchestrion.yml.
const orchestrionTool = "//go:build tools\n\npackage main\n\nimport _ \"github.com/gaptrace/gaptrace/weave\"\n"

// A program that orchestrion has built with the aspects of weave/orchestrion.yml draws the same as
// one that gaptrace has built.
func TestOrchestrion(t *testing.T) {
	tool, err := exec.LookPath(cmp.Or(os.Getenv("GAPTRACE_ORCHESTRION"), "orchestrion"))
	if err != nil {
		t.Skipf("skipped: %v; run go install github.com/DataDog/orchestrion@v1.15.0, or set GAPTRACE_ORCHESTRION", err)
	}
	mod, sum := shopMod(t, "")
	p := newProgram(t, "shop", mod, sum)
	p.write("orchestrion.tool.go", orchestrionTool)
	t.Setenv("DD_ORCHESTRION_IS_GOMOD_VERSION", "true") // without it, go.mod would have to require orchestrion
	before := p.files()
	cmd := exec.CommandContext(t.Context(), tool, "go", "run", "-tags=gaptrace_woven", ".")
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.Bytes())
	}
	if want := p.must(true, "run", "."); stdout.String() != want {
		t.Errorf("woven by orchestrion, draws\n%swant\n%s", stdout.String(), want)
	}
	if after := p.files(); !slices.Equal(after, before) {
		t.Errorf("files before:\n%v\nafter:\n%v", before, after)
	}
}
