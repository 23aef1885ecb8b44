package redact

import (
	"net/url"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// A Mark says where a word marks a credential.
type Mark uint16

const (
	// Anywhere is for words that mark a credential inside any name: of a key, a JSON member or in
	// SQL.
	Anywhere Mark = 1 << iota
	// Key is for words that mark a key if it has them as a whole word: sig, client_key, clientKey.
	Key
	// KeyEnd is for words that mark a key if one of its words ends with them: phpsessid.
	KeyEnd
	// SQL is for words that mark a SQL statement inside any of its names.
	SQL
	// SQLWord is for words that mark a SQL statement as a word of a name, between underscores:
	// user_pass.
	SQLWord
	// SQLName is for words that mark a SQL statement only as a whole name.
	SQLName
	// SQLCipher is SQLName, except for PostgreSQL, where encode and decode take no key.
	SQLCipher
	// Segment is for words after which the segments of a URL's path are secret.
	Segment

	scheme  // "://" was found: the text holds a URL
	setting // a word was found that only texts for people are searched for
)

// Words is the table of credential words. They are in lower case and written without separators:
// accesskey is also access_key, ACCESS-KEY and accessKey. docs/secrets.md lists them.
var Words = []struct {
	Mark  Mark
	Words string
}{
	{Anywhere, `password passwd passphrase passcode secret credential token bearer
		accesskey accesssignature accountkey apikey authkey encryptionkey licensekey privatekey secretkey sharedkey
		signingkey subscriptionkey functionskey authorization userpass userpwd`},
	{Key, `auth cred code csrf hmac jwt key otp pass pin pswd pw pwd sid sig sign`},
	{KeyEnd, `appid appkey assertion authcode cookie hdnea hdntl hdnts oauth passkey samlrequest samlresponse sessid
		session sessionid signature ticket verifier xauth`},
	{SQL, `identified encrypt decrypt keyid keyring keyset masterkey publickey parquetkey rawbytes symmetrickey
		keysource identityvalue dblink federated openrowset opendatasource addlinkedserver addlinkedsrvlogin addlogin
		addapprole setapprole addremotelogin xpcmdshell pwdcompare gensalt hmac pgppub pgpsym authentication simplebind
		wallet iamrole webhook connectionstring azureblob azurequeue deltalake datalakecatalog iceberg hudi paimon
		arrowflight ytsaurus activateextensions jwt oauth pwd pswd creds cookie sessionid sessionkey appkey clientkey
		aeskey sshkey rolekey keyprovider accountadd tableimportfroms3 awsauth gcsauth privatelink smtpauth dbmscrypto
		setheader requestheaders signbycert hashbytes pbkdf2 challengeresponse changeuserslogin adddistributor
		linkpublication sysmailaddaccount sysmailupdateaccount digest( md5( sha( sha1( sha2( sha224( sha256( sha384(
		sha512( sign( verify( eyjhbgci eyj0exai eyjrawqi githubpat glpat sklive xoxb xoxp`},
	{SQLWord, `otp pass pw totp`},
	{SQLName, `sas sig crypt headers hexkey hexrekey kdf rekey textkey textrekey
		cosn gcs hdfs jdbc materializedmysql materializedpostgresql mongo mongodb mysql odbc oss postgresql redis
		remote remotesecure s3 s3cluster s3queue`},
	{SQLCipher, `encode decode`},
	{Segment, `hook hooks jwt key keys otp pw pwd webhook webhooks`},
}

// Pairs are words that mark a SQL statement if both are whole names of it.
var Pairs = [][2]string{
	{"attach", "key"},
	{"cluster", "license"},
	{"copy", "program"},
	{"foreign", "options"},
	{"mapping", "options"},
	{"named", "collection"},
	{"pragma", "key"},
	{"private", "key"},
	{"server", "options"},
	{"subscription", "connection"},
	{"vacuum", "key"},
}

// hit is a word of the table as the automaton finds it.
type hit struct {
	text          string
	mark          Mark
	first, second uint16 // the pairs that it is one of, a bit each
}

// whole are the marks of words that count only as a whole name, or a whole word of one.
const whole = SQLWord | SQLName | SQLCipher | Segment

// automaton finds all words of the table in one pass over a text, by Aho and Corasick's algorithm.
// A state is the number of its row in next, times two. A row has a column for each class of bytes.
type automaton struct {
	class [256]uint8 // by byte: 0 if it is in no word, skipped if it may stand between a word's parts
	next  []uint16   // by row and class: the next state, | ends if a word ends there
	hits  [][]hit    // by row: the words that end there
}

const (
	columns = 64
	skipped = columns - 1 // this column leads back to its row
	ends    = 1
)

// at returns the index in next of what follows state, which is without ends, if a byte of class
// comes.
func at(state uint16, class uint8) int { return int(state)*(columns/2) | int(class) }

// words returns the automaton. It is built at the first call, not at import.
var words = sync.OnceValue(func() *automaton {
	a := &automaton{next: make([]uint16, columns), hits: make([][]hit, 1)}
	for c := range 26 {
		a.class['a'+c], a.class['A'+c] = uint8(1+c), uint8(1+c)
	}
	for c := range 10 {
		a.class['0'+c] = uint8(27 + c)
	}
	for i, c := range `:/@(\%` {
		a.class[c] = uint8(37 + i)
	}
	for _, c := range "_-." {
		a.class[c] = skipped
	}
	for _, group := range Words {
		if group.Mark&(Anywhere|SQL|whole) != 0 {
			for word := range strings.FieldsSeq(group.Words) {
				a.add(hit{text: word, mark: group.Mark})
			}
		}
	}
	for i, pair := range Pairs {
		a.add(hit{text: pair[0], first: 1 << i})
		a.add(hit{text: pair[1], second: 1 << i})
	}
	a.add(hit{text: "://", mark: scheme})
	for _, word := range []string{"basic", "pass", "pwd"} {
		a.add(hit{text: word, mark: setting})
	}
	for _, sign := range []string{
		"@tcp(", "@tcp4(", "@tcp6(", "@unix(", "@(", "@/", // user:password@tcp(host) of MySQL's drivers
		`:\/\/`, "%3a%2f%2f", // a URL that is escaped
	} {
		a.add(hit{text: sign, mark: SQL})
	}
	for _, letter := range []string{`\u004`, `\u005`, `\u006`, `\u007`} { // of a word that is escaped
		a.add(hit{text: letter, mark: Anywhere})
	}
	a.link()
	return a
})

func (a *automaton) add(h hit) {
	state := uint16(0)
	for _, c := range []byte(h.text) {
		i := at(state, a.class[c])
		if a.next[i] == 0 {
			a.next[i] = uint16(2 * len(a.hits))
			a.next = append(a.next, make([]uint16, columns)...)
			a.hits = append(a.hits, nil)
		}
		state = a.next[i]
	}
	a.hits[state/2] = append(a.hits[state/2], h)
}

// link adds the transitions of bytes that do not continue a state's word: they continue the longest
// end of it that begins another word.
func (a *automaton) link() {
	fail := make([]uint16, len(a.hits)) // by row
	queue := []uint16{}
	for _, state := range a.next[:columns] {
		if state != 0 {
			queue = append(queue, state)
		}
	}
	for len(queue) > 0 {
		state := queue[0]
		queue = queue[1:]
		other := fail[state/2]
		a.hits[state/2] = append(a.hits[state/2], a.hits[other/2]...)
		for c := range uint8(columns) {
			next := &a.next[at(state, c)]
			if *next == 0 {
				*next = a.next[at(other, c)]
				continue
			}
			fail[*next/2] = a.next[at(other, c)]
			queue = append(queue, *next)
		}
	}
	for i, next := range a.next {
		if i%columns == skipped {
			a.next[i] = uint16(i / columns * 2)
			continue
		}
		if len(a.hits[next/2]) > 0 {
			a.next[i] |= ends
		}
	}
}

// find returns the marks of the words in s. It stops at the first word whose mark is in stop.
func find(s string, stop Mark) (found Mark) {
	a := words()
	class, next := &a.class, a.next
	var first, second uint16
	state := uint16(0)
	for i := range len(s) {
		state = next[at(state, class[s[i]])]
		if state&ends == 0 {
			continue
		}
		state &^= ends
		for _, h := range a.hits[state/2] {
			mark := h.mark
			if mark&whole != 0 || mark == 0 {
				if !isName(s, i+1-len(h.text), i+1, h.text, mark&SQLWord != 0) {
					continue
				}
				if first, second = first|h.first, second|h.second; first&second != 0 {
					mark |= SQLName
				}
			}
			if found |= mark; found&stop != 0 {
				return found
			}
		}
	}
	return found
}

// has reports whether s contains a word with one of these marks.
func has(s string, marks Mark) bool { return find(s, marks)&marks != 0 }

// isName reports whether s[start:end] is name, in any case, and not part of a longer name; if word
// is set, it may be a word of one, between underscores. A non-ASCII byte ends a name, since it may
// be of a Unicode space.
func isName(s string, start, end int, name string, word bool) bool {
	ends := func(c byte) bool { return !inName(c) || word && c == '_' }
	return start >= 0 && strings.EqualFold(s[start:end], name) &&
		(start == 0 || ends(s[start-1])) && (end == len(s) || ends(s[end]))
}

func inName(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_'
}

// Marked reports whether s contains a word that marks a credential [Anywhere].
func Marked(s string) bool { return has(s, Anywhere) }

// MarkedSQL reports whether a SQL statement may hold a credential: it has a word of the table, or a
// URL with userinfo or another secret.
func MarkedSQL(s string) bool { return markedSQL(s, Anywhere|SQL|SQLWord|SQLName|SQLCipher) }

// MarkedPostgres is [MarkedSQL] for a statement of PostgreSQL's.
func MarkedPostgres(s string) bool { return markedSQL(s, Anywhere|SQL|SQLWord|SQLName) }

func markedSQL(s string, marks Mark) bool {
	found := find(s, marks)
	if found&marks != 0 {
		return true
	}
	for _, run := range runs(s) {
		if userinfo(run) >= 0 {
			return true
		}
	}
	if found&scheme == 0 {
		return false
	}
	_, afterScheme, _ := strings.Cut(s, "://")
	return strings.Contains(afterScheme, "@") || hasKey(afterScheme) || redactURLs(s, nesting) != s
}

// hasKey reports whether a key before an equals sign in text names a secret. text runs on after a
// URL in SQL, since its end is not known: its values may hold anything.
func hasKey(text string) bool {
	for {
		before, after, found := strings.Cut(text, "=")
		if !found {
			return false
		}
		if start := strings.LastIndexFunc(before, func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-.%[]", r)
		}); IsKey(before[start+1:]) {
			return true
		}
		text = after
	}
}

// IsCredential reports whether a name of a SQL statement is one that a credential may follow.
func IsCredential(name string) bool { return has(name, Anywhere|SQL|SQLWord) }

// IsWord reports whether s is a word of the table that marks SQL, in any case, with or without
// separators.
func IsWord(s string) bool { return sqlWords()[strings.ToLower(unseparated.Replace(s))] }

var sqlWords = sync.OnceValue(func() map[string]bool {
	known := make(map[string]bool)
	for _, word := range slices.Concat(group(Anywhere), group(SQL), group(SQLWord), group(SQLName), group(SQLCipher)) {
		known[word] = true
	}
	for _, pair := range Pairs {
		known[pair[0]], known[pair[1]] = true, true
	}
	return known
})

// group returns the words of a mark.
func group(mark Mark) (words []string) {
	for _, g := range Words {
		if g.Mark == mark {
			words = append(words, strings.Fields(g.Words)...)
		}
	}
	return words
}

var unseparated = strings.NewReplacer("_", "", "-", "", ".", "")

var (
	keyWords   = sync.OnceValue(func() []string { return group(Key) })
	keyEndings = sync.OnceValue(func() []string { return group(KeyEnd) })
)

// IsKey reports whether a key, such as a query's, names a secret, as written or URL-decoded. A
// key's words are divided by characters that are no letters, as in client_secret and password1, or
// by case, as in accessToken.
func IsKey(key string) bool {
	for range nesting {
		plain, err := url.QueryUnescape(key)
		if err != nil || plain == key {
			break
		}
		key = plain
	}
	if Marked(key) {
		return true
	}
	if strings.ContainsAny(key, "_-.") && endsKey(strings.ToLower(unseparated.Replace(key))) { // app_id
		return true
	}
	for key != "" {
		end := strings.IndexFunc(key, func(r rune) bool { return !unicode.IsLetter(r) })
		if end < 0 {
			end = len(key)
		}
		if isKeyWord(strings.ToLower(key[:end])) {
			return true
		}
		for word := key[:end]; word != ""; { // each word of camel case
			next := 1
			for next < len(word) && (word[next] < 'A' || word[next] > 'Z' || word[next-1] >= 'A' && word[next-1] <= 'Z') {
				next++
			}
			if isKeyWord(strings.ToLower(word[:next])) {
				return true
			}
			word = word[next:]
		}
		key = strings.TrimLeftFunc(key[end:], func(r rune) bool { return !unicode.IsLetter(r) })
	}
	return false
}

func isKeyWord(word string) bool {
	return slices.Contains(keyWords(), word) || word == "creds" || endsKey(word)
}

func endsKey(word string) bool {
	word = strings.TrimSuffix(word, "s") // a plural, such as cookies
	return slices.ContainsFunc(keyEndings(), func(ending string) bool {
		return strings.HasSuffix(word, ending) || strings.HasSuffix(word+"s", ending)
	})
}
