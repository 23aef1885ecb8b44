package redact

import (
	"net/url"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// A Mark says where a word marks a credential. Marks are bits, so that a set of them is a Mark too.
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
	// SQLCipher is SQLName for all databases except PostgreSQL, whose encode and decode take no
	// key.
	SQLCipher
	// Segment is for words after which the segments of a URL's path are secret.
	Segment

	urlMark     // of "://": the text holds a URL
	settingMark // of words after which an error's text may hold a credential
	tokenMark   // of the beginning of a well-known issuer's token

	anySQL = Anywhere | SQL | SQLWord | SQLName | SQLCipher
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
	{Key, `auth cred creds code csrf hmac jwt key otp pass pin pswd pw pwd sid sig sign`},
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

// Marked reports whether s contains a word that marks a credential [Anywhere].
func Marked(s string) bool { return has(s, Anywhere) }

// MarkedSQL reports whether a SQL statement may hold a credential: it has a word of the table, or a
// URL with userinfo or another secret.
func MarkedSQL(s string) bool { return markedSQL(s, anySQL) }

// MarkedPostgres is [MarkedSQL] for a PostgreSQL statement.
func MarkedPostgres(s string) bool { return markedSQL(s, anySQL&^SQLCipher) }

func markedSQL(s string, marks Mark) bool {
	found := find(s, marks)
	if found&marks != 0 {
		return true
	}
	for _, run := range runs(s) {
		if userinfoEnd(run) >= 0 {
			return true
		}
	}
	if found&urlMark == 0 {
		return false
	}
	_, afterScheme, _ := strings.Cut(s, "://")
	return strings.Contains(afterScheme, "@") || hasKey(afterScheme) || redactURLs(s, nesting) != s
}

// hasKey reports whether a key before an equals sign in text names a secret. In SQL the end of a
// URL is unknown, since its values may hold any character. So text may extend past the URL.
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

// IsWord reports whether s is exactly a word of the table that marks SQL, or of a pair, in any
// case, with or without separators.
func IsWord(s string) bool { return sqlWords()[strings.ToLower(unseparated.Replace(s))] }

var sqlWords = sync.OnceValue(func() map[string]bool {
	known := make(map[string]bool)
	for _, word := range wordsOf(anySQL) {
		known[word] = true
	}
	for _, pair := range Pairs {
		known[pair[0]], known[pair[1]] = true, true
	}
	return known
})

// wordsOf returns the words with one of these marks.
func wordsOf(marks Mark) (words []string) {
	for _, group := range Words {
		if group.Mark&marks != 0 {
			words = append(words, strings.Fields(group.Words)...)
		}
	}
	return words
}

var unseparated = strings.NewReplacer("_", "", "-", "", ".", "")

var keyWords = sync.OnceValue(func() map[string]bool {
	known := make(map[string]bool)
	for _, word := range wordsOf(Key) {
		known[word] = true
	}
	return known
})

// keyEndings are the endings of keys, by their last byte. The word that they are compared with has
// lost an s, so those that end with one are also there without it.
var keyEndings = sync.OnceValue(func() (endings [256][]string) {
	for _, ending := range wordsOf(KeyEnd) {
		for _, e := range slices.Compact([]string{ending, strings.TrimSuffix(ending, "s")}) {
			last := e[len(e)-1]
			endings[last] = append(endings[last], e)
		}
	}
	return endings
})

// IsKey reports whether a key, such as a query's, names a secret, as written or URL-decoded. A
// key's words are divided by characters other than letters, as in client_secret and password1, or
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
			for next < len(word) && (!isUpper(word[next]) || isUpper(word[next-1])) {
				next++
			}
			if next < end && isKeyWord(strings.ToLower(word[:next])) {
				return true
			}
			word = word[next:]
		}
		key = strings.TrimLeftFunc(key[end:], func(r rune) bool { return !unicode.IsLetter(r) })
	}
	return false
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }

func isKeyWord(word string) bool {
	return keyWords()[word] || endsKey(word)
}

func endsKey(word string) bool {
	word = strings.TrimSuffix(word, "s") // a plural, such as cookies
	return word != "" && slices.ContainsFunc(keyEndings()[word[len(word)-1]], func(ending string) bool {
		return strings.HasSuffix(word, ending)
	})
}
