package clients

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestLibraries(t *testing.T) {
	components := map[string]bool{}
	for i := range Libraries {
		l := &Libraries[i]
		if i > 0 && Libraries[i-1].Path >= l.Path {
			t.Errorf("%s comes after %s", l.Path, Libraries[i-1].Path)
		}
		if l.Component != "" {
			components[l.Component] = true
		}
		wrapped := l.Wrapper != ""
		if l.Name == "" || wrapped != (l.Component != "") || wrapped && l.Rule == NoWrapper ||
			wrapped != (l.Advice == "") || wrapped && l.Via != "" || !strings.HasPrefix(l.Rule, "GT") {
			t.Errorf("%s: its fields contradict each other: %+v", l.Path, *l)
		}
		if l.Advice != "" && (strings.HasSuffix(l.Advice, ".") || strings.Contains(l.Advice, ". ") || l.Advice[0] < 'a') {
			t.Errorf("%s: %q cannot follow a colon", l.Path, l.Advice)
		}
		if !IsStandard(l.Path) && l.Path != l.module() && !strings.HasPrefix(l.Path, l.module()+"/") {
			t.Errorf("%s is not in its module %s", l.Path, l.module())
		}
		if got := ByPath(l.Path); got != l {
			t.Errorf("ByPath(%q) = %+v", l.Path, got)
		}
		if !slices.Contains(ByModule(l.module()), l) {
			t.Errorf("ByModule(%q) does not have %s", l.module(), l.Path)
		}
	}
	for i := range Libraries {
		if via := Libraries[i].Via; via != "" && !components[via] {
			t.Errorf("%s: no wrapper has the component %q", Libraries[i].Path, via)
		}
	}
}

// A prefix that two libraries share would lead to either of them.
func TestPrefixesDiffer(t *testing.T) {
	all := prefixes()
	for i := range all[1:] {
		if all[i].text == all[i+1].text {
			t.Errorf("%s and %s share %q", all[i].library.Path, all[i+1].library.Path, all[i].text)
		}
	}
	for _, p := range all {
		if got := ByFunction(p.text + "(*Client).Do"); got != p.library {
			t.Errorf("ByFunction(%q) = %+v, want %s", p.text, got, p.library.Path)
		}
	}
}

// Each wrapper is a package of this repository, and its constant is the Component.
func TestWrappersExist(t *testing.T) {
	for i := range Libraries {
		l := &Libraries[i]
		if l.Wrapper == "" {
			continue
		}
		dir, ours := strings.CutPrefix(l.Wrapper, Gaptrace+"/")
		if !ours {
			t.Errorf("%s: %s is not in this module", l.Path, l.Wrapper)
			continue
		}
		dir = filepath.Join("..", "..", filepath.FromSlash(dir))
		component := componentOf(t, dir)
		if component == "" { // contrib/sql/mysql has that of contrib/sql
			component = componentOf(t, filepath.Dir(dir))
		}
		if component != l.Component {
			t.Errorf("%s: %s has the component %q, not %q", l.Path, l.Wrapper, component, l.Component)
		}
	}
}

// componentOf returns the constant component of the package in a folder, or "".
func componentOf(t *testing.T, dir string) (component string) {
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, file.Name()), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if ok && spec.Names[0].Name == "component" && len(spec.Values) == 1 {
				if text, ok := spec.Values[0].(*ast.BasicLit); ok {
					component, err = strconv.Unquote(text.Value)
					if err != nil {
						t.Fatal(err)
					}
				}
			}
			return true
		})
	}
	return component
}

func TestByPath(t *testing.T) {
	for path, want := range map[string]string{
		"github.com/go-redis/redis/v8":                          "github.com/go-redis/redis/v8",
		"github.com/go-redis/redis/v8/internal/pool":            "github.com/go-redis/redis/v8",
		"github.com/go-redis/redis":                             "github.com/go-redis/redis",
		"github.com/jackc/pgx/v5/pgxpool":                       "github.com/jackc/pgx/v5",
		"github.com/jackc/pgx/v5/stdlib":                        "github.com/jackc/pgx/v5/stdlib",
		"github.com/twmb/franz-gopher":                          "",
		"go.mongodb.org/mongo-driver/v2/mongo":                  "go.mongodb.org/mongo-driver/v2",
		"go.mongodb.org/mongo-driver/mongo":                     "go.mongodb.org/mongo-driver",
		"github.com/aws/aws-sdk-go-v2/service/s3":               "github.com/aws/aws-sdk-go-v2",
		"github.com/go-kratos/kratos/v2":                        "",
		"github.com/go-kratos/kratos/v2/transport/http/binding": "github.com/go-kratos/kratos/v2/transport/http",
		"net/http":          "net/http",
		"net/http/httptest": "",
		"database/sql":      "database/sql",
		"net":               "",
		"example.org/shop":  "",
		"":                  "",
	} {
		got := ""
		if l := ByPath(path); l != nil {
			got = l.Path
		}
		if got != want {
			t.Errorf("ByPath(%q) = %q, want %q", path, got, want)
		}
	}
}

func TestByFunction(t *testing.T) {
	for function, want := range map[string]string{
		"net/http.(*Client).Do":                                           "net/http",
		"net/http.(*conn).serve":                                          "",
		"net/http.Handle":                                                 "",
		"database/sql.(*DB).Query":                                        "database/sql",
		"database/sql/driver.IsValue":                                     "",
		"github.com/go-redis/redis/v8.(*Client).Process":                  "github.com/go-redis/redis/v8",
		"github.com/go-redis/redis/v8/internal/pool.(*Conn).WithReader":   "github.com/go-redis/redis/v8",
		"github.com/go-redis/redis/v80.Get":                               "github.com/go-redis/redis",
		"github.com/nats-io/nats%2ego.(*Conn).Publish":                    "github.com/nats-io/nats.go",
		"github.com/nats-io/nats.go/jetstream.New":                        "github.com/nats-io/nats.go",
		"gopkg.in/olivere/elastic%2ev5.NewClient":                         "gopkg.in/olivere/elastic.v5",
		"github.com/elastic/elastic-transport-go/v8/elastictransport.New": "github.com/elastic/go-elasticsearch/v8",
		"github.com/aws/smithy-go/transport/http.Do":                      "github.com/aws/aws-sdk-go-v2",
		"github.com/jackc/pgx/v5/stdlib.(*Conn).Ping":                     "github.com/jackc/pgx/v5/stdlib",
		"github.com/jackc/pgx/v5.Connect":                                 "github.com/jackc/pgx/v5",
		"gorm.io/driver/mysql.Open":                                       "gorm.io/gorm",
		"github.com/valyala/fasthttp.(*Server).Serve":                     "",
		"golang.org/x/net/http2.(*ClientConn).RoundTrip":                  "golang.org/x/net/http2",
		"golang.org/x/net/http2/hpack.NewEncoder":                         "",
		"main.main": "", "": "", "a": "", "zzz.Do": "",
	} {
		got := ""
		if l := ByFunction(function); l != nil {
			got = l.Path
		}
		if got != want {
			t.Errorf("ByFunction(%q) = %q, want %q", function, got, want)
		}
	}
}

func TestPackages(t *testing.T) {
	if !slices.IsSorted(standard) {
		t.Error("standard is not sorted")
	}
	for path, want := range map[string][2]bool{ // standard, gaptrace
		"net/http":                   {true, false},
		"golang.org/x/sync/errgroup": {true, false},
		"golang.org/x/net/http2":     {false, false},
		"main":                       {false, false},
		"shop/http":                  {false, false},
		Gaptrace:                     {false, true},
		Gaptrace + "/contrib/sql":    {false, true},
		Gaptrace + "/demo":           {false, false},
		Gaptrace + "er/contrib/sql":  {false, false},
		"github.com/opentracing/opentracing-go/mocks": {false, false},
	} {
		if got := [2]bool{IsStandard(path), IsGaptrace(path)}; got != want {
			t.Errorf("%q: %v, want %v", path, got, want)
		}
	}
	for function, want := range map[string]string{
		"net/http.(*Client).Do": "net/http", "main.main.func1": "main", "": "", "nodot": "nodot",
		"github.com/nats-io/nats%2ego.Connect": "github.com/nats-io/nats%2ego",
	} {
		if got := PackageOf(function); got != want {
			t.Errorf("PackageOf(%q) = %q, want %q", function, got, want)
		}
	}
}

func BenchmarkByFunction(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		ByFunction("github.com/go-redis/redis/v8.(*Client).Process")
		ByFunction("example.org/shop.price")
	}
}
