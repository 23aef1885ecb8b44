package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

const (
	rootModule    = "github.com/gaptrace/gaptrace"
	explainModule = rootModule + "/explain"
	otlpModule    = rootModule + "/gap/otlp"
	vetModule     = rootModule + "/vet"
	commandModule = rootModule + "/cmd/gaptrace"
)

// A release publishes the root in the version that go.mod requires, then the modules explain,
// gap/otlp and vet, and the command, in the same version. The test does the same with a proxy of
// files, and installs the command from it without go.work.
func TestReleaseInstalls(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the command with all its dependencies")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	tracked := exec.Command("git", "-C", root, "ls-files", "--error-unmatch", "go.work")
	if out, err := tracked.CombinedOutput(); err != nil {
		t.Skipf("not in the repository: %s", out)
	}
	version := requiredVersion(t, rootModule)
	for _, m := range []string{explainModule, otlpModule, vetModule} {
		if v := requiredVersion(t, m); v != version {
			t.Errorf("go.mod requires the root in version %s, but %s in %s", version, m, v)
		}
	}
	proxy := t.TempDir()
	publish(t, proxy, root, module.Version{Path: rootModule, Version: version})
	publish(t, proxy, filepath.Join(root, "explain"), module.Version{Path: explainModule, Version: version})
	publish(t, proxy, filepath.Join(root, "gap", "otlp"), module.Version{Path: otlpModule, Version: version})
	publish(t, proxy, filepath.Join(root, "vet"), module.Version{Path: vetModule, Version: version})
	publish(t, proxy, filepath.Join(root, "cmd", "gaptrace"), module.Version{Path: commandModule, Version: version})

	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	install := exec.Command("go", "install", "-trimpath", commandModule+"@latest")
	install.Dir = dir
	install.Env = append(os.Environ(),
		// Other modules come from the user's module cache, which stays unchanged.
		"GOPROXY="+fileURL(proxy)+","+fileURL(filepath.Join(goEnv(t, "GOMODCACHE"), "cache", "download")),
		"GOMODCACHE="+filepath.Join(dir, "modules"), "GOBIN="+bin,
		"GOFLAGS=-mod=mod -modcacherw", "GOWORK=off", "GOSUMDB=off", "GOPRIVATE=", "GONOPROXY=none",
		"GOTOOLCHAIN=local",
	)
	download(t, root)
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.Command(filepath.Join(bin, "gaptrace"), "--version").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "gaptrace "+version+" (go") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = exec.Command(filepath.Join(bin, "gaptrace"), "report", "testdata/traces/shop.json").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "Trace 4f1c6a3d9be20c77") {
		t.Errorf("%v\n%s", err, out)
	}
	fixRequires(t, filepath.Join(bin, "gaptrace"), version)
	weaves(t, filepath.Join(bin, "gaptrace"), install.Env)
}

// folder returns a new folder with files.
func folder(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// fixRequires checks that a published command adds its own version of gaptrace to a go.mod.
func fixRequires(t *testing.T, gaptrace, version string) {
	t.Helper()
	dir := folder(t, map[string]string{
		"go.mod": "module example.com/app\n\ngo 1.26.0\n",
		"app.go": "package app\n\nimport \"net/http\"\n\nvar Response, Err = new(http.Client).Do(nil)\n",
	})
	fix := exec.Command(gaptrace, "fix")
	fix.Dir, fix.Env = dir, append(os.Environ(), "GOWORK=off", "GOFLAGS=", "GOPROXY=off")
	if out, err := fix.CombinedOutput(); err != nil {
		t.Fatalf("gaptrace fix: %v\n%s", err, out)
	}
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "require " + rootModule + " " + version; !strings.Contains(string(mod), want) {
		t.Errorf("go.mod after gaptrace fix is\n%s\nwant %s", mod, want)
	}
}

// weaves checks that an installed command finds the wrappers of its own version.
func weaves(t *testing.T, command string, env []string) {
	t.Helper()
	dir := folder(t, map[string]string{
		"go.mod":  "module example.com/tiny\n\ngo 1.26.0\n",
		"main.go": "package main\n\nimport \"net/http\"\n\nfunc main() { http.NewServeMux() }\n",
	})
	build := exec.Command(command, "build", "-o", filepath.Join(dir, "tiny"), ".")
	build.Dir = dir
	build.Env = append(env, "GOWORK=")
	out, err := build.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "gaptrace: wove net/http of go") {
		t.Errorf("%v\n%s", err, out)
	}
}

// download fills the module cache with the versions in go.mod. Builds with go.work may use newer
// ones.
func download(t *testing.T, root string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{
			"mod", "edit", "-replace", rootModule + "=" + root,
			"-replace", explainModule + "=" + filepath.Join(root, "explain"),
			"-replace", otlpModule + "=" + filepath.Join(root, "gap", "otlp"),
			"-replace", vetModule + "=" + filepath.Join(root, "vet"), filepath.Join(dir, "go.mod"),
		},
		{"list", "-mod=mod", "-modfile", filepath.Join(dir, "go.mod"), "-deps", "."},
	} {
		command := exec.Command("go", args...)
		command.Env = append(os.Environ(), "GOWORK=off")
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// requiredVersion returns the version of a module of this repository in go.mod.
func requiredVersion(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.Command("go", "mod", "edit", "-json").Output()
	var mod struct{ Require []module.Version }
	if err == nil {
		err = json.Unmarshal(out, &mod)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mod.Require {
		if m.Path == path {
			return m.Version
		}
	}
	t.Fatalf("go.mod does not require %s", path)
	return ""
}

// publish writes a module into the folder of a proxy: the tracked files, as they are in the working
// tree.
func publish(t *testing.T, proxy, dir string, m module.Version) {
	t.Helper()
	ls := exec.Command("git", "-C", dir, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	tracked, err := ls.Output()
	if err != nil {
		t.Fatal(err)
	}
	copied := t.TempDir() // zip.CreateFromDir leaves out nested modules
	for name := range strings.SplitSeq(strings.TrimSuffix(string(tracked), "\x00"), "\x00") {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if os.IsNotExist(err) {
			continue // deleted, but not committed yet
		}
		if err == nil {
			err = os.MkdirAll(filepath.Dir(filepath.Join(copied, name)), 0o777)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(copied, name), text, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var zipped bytes.Buffer
	if err := zip.CreateFromDir(&zipped, m, copied); err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(copied, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	info, err := json.Marshal(map[string]any{"Version": m.Version, "Time": time.Now().UTC()})
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(proxy, filepath.FromSlash(m.Path), "@v")
	if err := os.MkdirAll(at, 0o777); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"list": []byte(m.Version + "\n"), m.Version + ".info": info,
		m.Version + ".mod": mod, m.Version + ".zip": zipped.Bytes(),
	} {
		if err := os.WriteFile(filepath.Join(at, name), text, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func fileURL(path string) string { return "file://" + filepath.ToSlash(path) }
