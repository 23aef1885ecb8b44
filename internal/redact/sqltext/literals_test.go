package sqltext_test

import (
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/internal/redact/sqltext"
)

func TestHideLiterals(t *testing.T) {
	for statement, want := range map[string]string{
		"":                              "",
		"SELECT 1":                      "SELECT ?",
		"SELECT a-5, -1.5e-3, .5, 0x1F": "SELECT a-?, -?, .?, ?",
		"SELECT 1_000, 0b101, 5AND 6":   "SELECT ?, ?, ?AND ?",
		"SELECT 'it''s', x'1F', N'a', U&'b', E'c'": "SELECT ?, x?, N?, U&?, E?",
		"SELECT 'a' 'b', TRUE, NULL":               "SELECT ? ?, ?, NULL",
		"SELECT $1, ?, :a, @b FROM t3":             "SELECT $1, ?, :a, @b FROM t3",
		"SELECT \"a\"\"b\", `c`":                   "SELECT ?, `c`",
		"DO $$ it's $$, $x$ 'y' $x$":               "DO ?, ?",
		"SELECT 1 -- one\n+ 2 /* two */ + 3":       "SELECT ? \n+ ?   + ?",
		"SELECT data->>'$.a', data #> '{b}'":       "SELECT data->>?, data #> ?",
		"SELECT price/100, a.b/7, TRUE/7, a//7":    "SELECT price/?, a.b/?, ?/?, a//?",
		"SELECT a?7, a@7, f(a)@7, :a/7":            "SELECT a??, a@?, f(a)@?, :a/?",
		"SELECT v@@$$secret$$, v?$$x$$, v/$$y$$":   "SELECT v@@?, v??, v/?",
		"SELECT ARRAY['a','b'][1]":                 "SELECT ARRAY[?,?][?]",
		"INSERT INTO t VALUES (1,'a'),(2,'b')":     "INSERT INTO t VALUES (?,?),(?,?)",
		"ALTER USER a IDENTIFIED BY 'b' REQUIRE X": "ALTER USER a IDENTIFIED BY ? REQUIRE X",
		"ALTER USER a IDENTIFIED BY b REPLACE c":   "ALTER USER a IDENTIFIED BY ? REPLACE ?",
	} {
		if got := sqltext.HideLiterals(statement, ""); got != want {
			t.Errorf("%s: %s, want %s", statement, got, want)
		}
	}
}

// Where dialects disagree about the end of a literal or a comment, the text ends.
func TestHideLiteralsEndsWhereDialectsDisagree(t *testing.T) {
	for statement, want := range map[string]string{
		`SELECT 'it\'s', secret'`:                       "SELECT ?",
		`SELECT 'C:\', 'secret'`:                        "SELECT ?",
		`SELECT "a\" secret"`:                           "SELECT ?",
		"SELECT `it's`, 'secret', `b`":                  "SELECT `it?",
		"SELECT [it's], 'secret', [b]":                  "SELECT [it?",
		"SELECT 1 # it's\n, 'secret'":                   "SELECT ? ?",
		"SELECT 1 --it's\n, 'secret'":                   "SELECT ? ?",
		"SELECT 1 -- a\r'b\n, secret'":                  "SELECT ? ?",
		"SELECT 1 /* a /* b */ c's */, 'secret'":        "SELECT ?  ?",
		"SELECT 1 /*! 'secret' */":                      "SELECT ?  ?",
		"SELECT 1 /*it's*/, 'secret' */":                "SELECT ?  , ? */",
		"SELECT a/*it's*/, 'secret', '*/'":              "SELECT a , ?, ?",
		"SELECT 1=/*it's*/'secret', '*/'":               "SELECT ?= ?, ?",
		"SELECT 1=--it's\n'secret', ''":                 "SELECT ?=?",
		"SELECT a\"it's secret\", 'b'":                  "SELECT a?, ?",
		"SELECT q'[it's secret]', 'a'":                  "SELECT q?",
		"SELECT 1e--it's\n'secret'":                     "SELECT ??",
		"SELECT $a, 'it', $b = 'x' AND $a, 'it', $'se'": "SELECT ?",
		"SELECT 'secret":                                "SELECT ?",
		"SELECT [a]]'b], 'secret'":                      "SELECT [a]?",
		"SELECT 1 # secret":                             "SELECT ? ?",
		"SELECT a#7":                                    "SELECT a?",
		"SELECT /* secret":                              "SELECT ?",
		"SELECT 1\x00'secret'":                          "SELECT ??",
	} {
		if got := sqltext.HideLiterals(statement, ""); got != want {
			t.Errorf("%q: %q, want %q", statement, got, want)
		}
	}
}

func TestHideLiteralsReads16KiB(t *testing.T) {
	long := "SELECT " + strings.Repeat("1, ", 1<<20) + "'secret'"
	got := sqltext.HideLiterals(long, "")
	if !strings.HasPrefix(got, "SELECT ?, ?, ") || !strings.HasSuffix(got, "… [cut]") || len(got) > 17<<10 {
		t.Errorf("%d bytes, ending in %q", len(got), got[len(got)-20:])
	}
	got = sqltext.HideLiterals("SELECT '"+strings.Repeat("x", 1<<20), "")
	if got != "SELECT ?" {
		t.Errorf("a literal of more than 16 KiB: %.100q", got)
	}
	if again := sqltext.HideLiterals(got, ""); again != got {
		t.Errorf("redacted twice: %q, once: %q", again, got)
	}
}
