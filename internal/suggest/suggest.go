// Package suggest finds the name that a misspelled one was probably meant to be.
package suggest

// Closest returns the name with the fewest edits from word, or "" if all names have more than
// limit. An edit changes, adds or removes one byte. Closest compares what normal returns for word
// and names, so that normal can ignore case or separators.
func Closest(word string, names []string, limit int, normal func(string) string) string {
	best, least := "", limit+1
	for _, name := range names {
		if d := distance(normal(word), normal(name)); d < least {
			best, least = name, d
		}
	}
	return best
}

// distance returns how many edits turn a into b (the Levenshtein distance). Untrusted words may be
// long, so it returns 100 if one has more than 100 bytes.
func distance(a, b string) int {
	const limit = 100
	if len(a) > limit || len(b) > limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
