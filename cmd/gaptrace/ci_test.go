package main

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestCIPage repeats the commands of docs/ci.md on the traces of the demo, before and after a
// change: those with their output, and those of the workflow.
func TestCIPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/ci.md")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"before.json": "before.json.gz", "after.json": "after.json.gz", "budget.yaml": "budget.yaml",
	}
	dir := t.TempDir()
	for name, from := range files {
		content, err := os.ReadFile("testdata/ci/" + from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+"/"+name, content, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	t.Setenv("LC_ALL", "C.UTF-8")

	shown := regexp.MustCompile("(?ms)^```\n\\$ (gaptrace [^\n]*)\n(.*?)^```$").FindAllSubmatch(page, -1)
	if len(shown) != 2 {
		t.Errorf("%d commands with an output, want 2", len(shown))
	}
	for _, block := range shown {
		if got, _ := runLine(t, string(block[1])); got != string(block[2]) {
			t.Errorf("%s:\n%s\nwant\n%s", block[1], got, block[2])
		}
	}

	codes := map[string]int{}
	for _, block := range regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllSubmatch(page, -1) {
		for _, line := range workflowCommands(t, block[1]) {
			_, codes[line] = runLine(t, line)
		}
	}
	if len(codes) != 3 {
		t.Errorf("the workflow has the commands %v, want 3", codes)
	}
	for line, code := range codes {
		want := 0
		if strings.Contains(line, " check ") { // the demo's change breaks the budget
			want = exitBroken
		}
		if code != want {
			t.Errorf("%s: exit code %d, want %d", line, code, want)
		}
	}
	if content, err := os.ReadFile("diff.html"); err != nil || !bytes.Contains(content, []byte("after redis get")) {
		t.Errorf("the page of the workflow: %v", err)
	}
}

// TestCIRecording runs the step of docs/ci.md that records traces. load-test saves the version of
// the program in the current directory instead.
func TestCIRecording(t *testing.T) {
	page, err := os.ReadFile("../../docs/ci.md")
	if err != nil {
		t.Fatal(err)
	}
	step := regexp.MustCompile(`(?m)^ +- name: Record traces .*\n +run: \|\n((?: {10}.*\n)+)`).FindSubmatch(page)
	if step == nil {
		t.Fatal("docs/ci.md: no step that records traces")
	}
	repository, temp := t.TempDir(), t.TempDir()
	bash := func(script string) string {
		t.Helper()
		c := exec.Command("bash", "-e", "-c", script)
		c.Dir = repository
		c.Env = append(os.Environ(), "GITHUB_WORKSPACE="+repository, "RUNNER_TEMP="+temp, "GIT_CONFIG_GLOBAL=/dev/null")
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", script, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	const commit = " && git add -A && git -c user.name=t -c user.email=t@example.com commit -qm x"
	bash("git init -q . && echo old > program" + commit)
	base := bash("git rev-parse HEAD")
	bash("echo new > program; echo 'cp program \"$1\"' > load-test; chmod +x load-test" + commit)
	bash(strings.ReplaceAll(string(step[1]), "${{ github.event.pull_request.base.sha }}", base))
	if got := bash("cat before.json after.json program"); got != "old\nnew\nnew" {
		t.Errorf("before, after and the working tree have %q", got)
	}
}

// runLine runs a command line, and returns its output and exit code.
func runLine(t *testing.T, line string) (output string, code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), func() {}, strings.Fields(line)[1:], nil, &stdout, &stderr)
	if stderr.Len() > 0 {
		t.Errorf("%s: %s", line, stderr.String())
	}
	return stdout.String(), code
}

// workflowCommands returns the command lines of gaptrace in a workflow. Another document has none.
func workflowCommands(t *testing.T, text []byte) (lines []string) {
	t.Helper()
	var workflow struct {
		Jobs map[string]struct {
			Steps []struct{ Uses, Run string }
		}
	}
	if err := yaml.Unmarshal(text, &workflow); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	for _, job := range workflow.Jobs {
		for _, step := range job.Steps {
			if (step.Uses == "") == (step.Run == "") {
				t.Errorf("a step has neither uses nor run, or both: %+v", step)
			}
			for line := range strings.Lines(step.Run) {
				if line = strings.TrimSpace(line); strings.HasPrefix(line, "gaptrace ") {
					lines = append(lines, line)
				}
			}
		}
	}
	return lines
}
