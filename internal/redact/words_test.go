package redact_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/internal/redact"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

// headings maps the rows of the table in docs/secrets.md to marks.
var headings = map[redact.Mark]string{
	redact.Anywhere:  "anywhere",
	redact.Key:       "a key, or a word of it",
	redact.KeyEnd:    "the end of a word of a key",
	redact.SQL:       "SQL, inside a name",
	redact.SQLWord:   "SQL, a word of a name",
	redact.SQLName:   "SQL, a whole name",
	redact.SQLCipher: "SQL except PostgreSQL, a whole name",
	redact.Segment:   "path",
}

func TestWordsAreDocumented(t *testing.T) {
	want := map[string][]string{}
	for _, group := range redact.Words {
		want[headings[group.Mark]] = strings.Fields(group.Words)
	}
	for _, pair := range redact.Pairs {
		want["SQL, both as whole names"] = append(want["SQL, both as whole names"], pair[0]+"+"+pair[1])
	}
	got := map[string][]string{}
	_, table, _ := strings.Cut(spantest.SecretsDoc(t), "\n| where | words |\n|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	for line := range strings.SplitSeq(table, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 4 {
			t.Fatalf("docs/secrets.md: %q is not a row of the table", line)
		}
		got[strings.TrimSpace(cells[1])] = strings.Fields(strings.Trim(cells[2], " `"))
	}
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("docs/secrets.md lists\n%v\nand the table is\n%v", got, want)
	}
}

// TestEachWordMarksAStatement also checks that docs/secrets.md has a statement for each word that
// is for SQL alone.
func TestEachWordMarksAStatement(t *testing.T) {
	documented := strings.ToLower(strings.Join(spantest.CredentialStatements(t), "\n"))
	documented = strings.NewReplacer("_", "", "-", "", ".", "").Replace(documented)
	for _, group := range redact.Words {
		if group.Mark&(redact.Anywhere|redact.SQL|redact.SQLWord|redact.SQLName|redact.SQLCipher) == 0 {
			continue
		}
		for word := range strings.FieldsSeq(group.Words) {
			for _, spelled := range []string{word, strings.ToUpper(word), strings.ToUpper(word[:2]) + word[2:]} {
				if s := "SELECT a FROM b WHERE " + spelled + "('c')"; !redact.MarkedSQL(s) {
					t.Errorf("%s is not marked", s)
				}
			}
			if group.Mark == redact.SQL && !strings.Contains(documented, word) {
				t.Errorf("docs/secrets.md has no statement with %s", word)
			}
		}
	}
	for _, pair := range redact.Pairs {
		if s := pair[1] + " " + strings.ToUpper(pair[0]); !redact.MarkedSQL(s) {
			t.Errorf("%s is not marked", s)
		}
		for _, word := range pair {
			if redact.MarkedSQL("SELECT "+word+", my"+pair[0]+", "+pair[1]+"s FROM t") && pair[0] != "attach" {
				t.Errorf("%s alone is marked", word)
			}
		}
	}
}

func TestMarkedSQL(t *testing.T) {
	for _, s := range []string{
		"",
		"SELECT id, name FROM users WHERE id = ? AND email = 'a@b.c'",
		"INSERT INTO keys (key, value) VALUES ('a', 'b')",
		"SELECT * FROM t WHERE url = 'https://example.com/a?b=c'",
		"SET SESSION sql_mode = 'x'",
		"SELECT code, pin FROM t",
		"CREATE TABLE t (id int PRIMARY KEY, FOREIGN KEY (a) REFERENCES b (c))",
		"SELECT s30, mysqldump FROM x",
		"PRAGMA foreign_keys = ON",
		"SELECT compass, bypass, pass2 FROM t -- remoteness",
		"SELECT 'a@b.c, d:e f@g', '12:30' WHERE a::int=@p1 AND b=@b",
		`SELECT '{"a": "\u003cb\u003e"}'`,
		"ATTACH DATABASE 'x' AS y",
		"SELECT 'user@host', 'a://b'",
	} {
		if redact.MarkedSQL(s) {
			t.Errorf("%s is marked", s)
		}
	}
	for _, s := range []string{
		"SELECT 'http://a@b'",
		"SELECT 'x://u:p w@b'",
		"SELECT 'https://h/?sig=a'",
		"SELECT 'https://h/token/a'",
		"SELECT 'u:p@tcp(h)/d'",
		"SELECT 'https://h/?a= b&hdnea= c'",
		"SELECT 'https://hooks.slack.com/services/T/B/X'",
		"SELECT 'accountKEY=x'",
		"SELECT 'PWD=x'",
		"SELECT a\u00a0pwd\u00a0'x'",
		"SELECT 'bob:x@h'",
		"SELECT 'scott/x@h:1521/d'",
		"SELECT '//bob:x@h'",
		"SELECT 'https:' || '//bob:x@h'",
		"SELECT user_pass, PW_hash",
	} {
		if !redact.MarkedSQL(s) {
			t.Errorf("%s is not marked", s)
		}
	}
}

const ordinary = "SELECT id, name, price FROM products WHERE shop = ? AND price < ? ORDER BY name LIMIT 20"

func TestOrdinaryTextAllocatesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() {
		redact.MarkedSQL(ordinary)
		redact.Marked(ordinary)
		redact.Text(ordinary)
		redact.Path("/books/7/chapters")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkMarkedSQL(b *testing.B) {
	b.SetBytes(int64(len(ordinary)))
	for b.Loop() {
		redact.MarkedSQL(ordinary)
	}
}
