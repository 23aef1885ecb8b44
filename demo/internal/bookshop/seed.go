package bookshop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"

	"github.com/elastic/go-elasticsearch/v8/esapi"
)

// Book is a book of the shop.
type Book struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	Author string `json:"author"`
	Year   int    `json:"year"`
	Blurb  string `json:"blurb"`
}

// Books are the books that have a page.
var Books = []Book{
	{
		"1", "Emma", "Jane Austen", 1815,
		"Handsome, clever and rich, she has very little to vex her, and so takes to making matches for others.",
	},
	{
		"2", "Middlemarch", "George Eliot", 1871,
		"A town, its marriages and its money, and a woman who wanted to do some good with both.",
	},
	{
		"3", "Moby-Dick", "Herman Melville", 1851,
		"A captain hunts the white whale that took his leg, and takes his ship and crew along with him.",
	},
	{
		"4", "Walden", "Henry David Thoreau", 1854,
		"Two years and two months alone in the woods, a mile from any neighbour, in a house he had built himself.",
	},
	{
		"5", "Frankenstein", "Mary Shelley", 1818,
		"A student makes a creature and runs away from it; the creature learns to read, and follows its maker.",
	},
	{
		"6", "Candide", "Voltaire", 1759,
		"Everything is for the best in the best of all possible worlds, until he is thrown out into the real one.",
	},
}

var warehouses = []string{"Antwerp", "Bologna", "Cádiz", "Dresden", "Esbjerg", "Funchal"}

const (
	reviewsPerBook = 384 // three times the 128 rows between two pauses of selectReviews
	rowsPerInsert  = 128
	otherBooks     = 200 // found by search, but without a page
)

// Seed writes the shop's data. Remove removes it, even if Seed failed halfway.
func Seed(ctx context.Context, c Clients, n Names) error {
	random := rand.New(rand.NewPCG(1, 2)) // the same data every time
	if err := seedRedis(ctx, c, n); err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	if err := seedSQL(ctx, c, random); err != nil {
		return fmt.Errorf("mysql: %w", err)
	}
	if err := seedElasticsearch(ctx, c, n, random); err != nil {
		return fmt.Errorf("elasticsearch: %w", err)
	}
	return nil
}

// Remove removes the keys and the index that Seed wrote. The caller drops the database with the
// tables.
func Remove(ctx context.Context, c Clients, n Names) error {
	var keys []string
	for _, book := range Books {
		keys = append(keys, n.KeyPrefix+"book:"+book.ID)
	}
	err := c.Redis.Del(ctx, keys...).Err()
	deleteIndex := c.Elasticsearch.Indices.Delete
	res, failed := deleteIndex([]string{n.Index}, deleteIndex.WithContext(ctx))
	if failed == nil && res.StatusCode == http.StatusNotFound { // Seed failed before it created the index
		return errors.Join(err, res.Body.Close())
	}
	return errors.Join(err, checkStatus(res, failed))
}

func seedRedis(ctx context.Context, c Clients, n Names) error {
	for _, book := range Books {
		record, err := json.Marshal(book)
		if err != nil {
			return err
		}
		if err := c.Redis.Set(ctx, n.KeyPrefix+"book:"+book.ID, record, 0).Err(); err != nil {
			return err
		}
	}
	return nil
}

func seedSQL(ctx context.Context, c Clients, random *rand.Rand) error {
	for _, statement := range []string{
		`CREATE TABLE reviews (id INT PRIMARY KEY, book_id INT NOT NULL, reader VARCHAR(40) NOT NULL,
			stars INT NOT NULL, body TEXT NOT NULL, KEY (book_id))`,
		`CREATE TABLE stock (warehouse VARCHAR(40), book_id INT, copies INT NOT NULL, cents INT NOT NULL,
			seal CHAR(64) NOT NULL, PRIMARY KEY (warehouse, book_id))`,
	} {
		if _, err := c.SQL.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	id := 0
	for _, book := range Books {
		for range reviewsPerBook / rowsPerInsert {
			var values []any
			for range rowsPerInsert {
				values = append(values, id, book.ID, names(random), 1+random.IntN(5), prose(random, 45))
				id++
			}
			if err := insert(ctx, c, "reviews", 5, values); err != nil {
				return err
			}
		}
		var values []any
		for _, warehouse := range warehouses {
			o := offer{Warehouse: warehouse, Copies: 1 + random.IntN(20), Cents: 500 + random.IntN(3000)}
			values = append(values, warehouse, book.ID, o.Copies, o.Cents, seal(o.text(), sealRounds))
		}
		if err := insert(ctx, c, "stock", 5, values); err != nil {
			return err
		}
	}
	return nil
}

func insert(ctx context.Context, c Clients, table string, columns int, values []any) error {
	row := "(?" + strings.Repeat(",?", columns-1) + ")"
	rows := row + strings.Repeat(","+row, len(values)/columns-1)
	_, err := c.SQL.ExecContext(ctx, "INSERT INTO "+table+" VALUES "+rows, values...)
	return err
}

func seedElasticsearch(ctx context.Context, c Clients, n Names, random *rand.Rand) error {
	var lines strings.Builder
	out := json.NewEncoder(&lines)
	index := func(book Book) error {
		return errors.Join(out.Encode(map[string]any{"index": map[string]any{"_id": book.ID}}), out.Encode(book))
	}
	for _, book := range Books {
		if err := index(book); err != nil {
			return err
		}
	}
	for i := range otherBooks {
		book := Book{
			ID: fmt.Sprintf("other-%d", i), Title: title(random), Author: names(random),
			Year: 1700 + random.IntN(300), Blurb: prose(random, 20),
		}
		if err := index(book); err != nil {
			return err
		}
	}
	create, bulk := c.Elasticsearch.Indices.Create, c.Elasticsearch.Bulk
	if err := checkStatus(create(n.Index, create.WithContext(ctx))); err != nil {
		return err
	}
	res, err := bulk(strings.NewReader(lines.String()),
		bulk.WithContext(ctx), bulk.WithIndex(n.Index), bulk.WithRefresh("true"))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var outcome struct{ Errors bool }
	if err := json.NewDecoder(res.Body).Decode(&outcome); err != nil || res.IsError() || outcome.Errors {
		return fmt.Errorf("bulk: %s, not every book was indexed (%v)", res.Status(), err)
	}
	return nil
}

// checkStatus closes a response. It returns err, or an error for an error status.
func checkStatus(res *esapi.Response, err error) error {
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode >= http.StatusBadRequest {
		return errors.New(res.String())
	}
	return nil
}

var (
	firstNames = strings.Fields(`
		Ada Bram Chidi Dina Elif Femke Goran Hana Ines Jun Kofi Lena Mira Nils Olga Pedro Rosa Sami Tove Yusuf`)
	lastNames = strings.Fields(`
		Almeida Berg Conti Duarte Eriksen Fischer Gomez Haas Ito Janssen Kaya Lund Moreau Novak Okafor Petrov
		Rossi Silva Tanaka Weiss`)
	lexicon = strings.Fields(`
		a about after again all alone and another any are as at away before best better between book both but by
		captain chapter character clever could creature do ends even ever everything first for from funny good had
		half he her him his house hundred in into is it its last left less letter little long made many marriage
		me mile money more most much my neighbour never no not of old on once one only or other out page pages
		plot possible read reader real rich sad same scene sea sentence she ship slow so some still story student
		takes than that the their them there they thing this time to took town true twice two until very was well
		whale what when where which while white who why will with woman woods words world would writes year years
		you young`)
)

func pick(random *rand.Rand, words []string) string { return words[random.IntN(len(words))] }

func names(random *rand.Rand) string { return pick(random, firstNames) + " " + pick(random, lastNames) }

func title(random *rand.Rand) string {
	return "The " + pick(random, lexicon) + " and the " + pick(random, lexicon)
}

func prose(random *rand.Rand, words int) string {
	text := make([]string, words)
	for i := range text {
		text[i] = pick(random, lexicon)
	}
	return strings.Join(text, " ") + "."
}
