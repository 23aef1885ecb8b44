package bookshop

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/go-redis/redis/v8"
	"github.com/opentracing/opentracing-go"

	"github.com/gaptrace/gaptrace/internal/worktime"
)

// WorkTag is the tag of a handler's span with the CPU time that the handler measured for its work,
// in microseconds. The tag is missing if the system has no CPU clock for a thread.
const WorkTag = "work.us"

// Shop serves GET /books/{id}.
type Shop struct {
	Clients
	Names
	Supplier string // the URL of the supplier
}

// Handler returns the shop's handler.
func (s *Shop) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /books/{id}", s.book)
	return mux
}

var errNoBook = errors.New("no such book")

func (s *Shop) book(w http.ResponseWriter, r *http.Request) {
	clock := worktime.Start()
	page, err := s.page(r.Context(), r.PathValue("id"), clock)
	work, measured := clock.Stop()
	work += clock.LibraryCPU() // a row or a piece of a body that had come already is no wait
	if span := opentracing.SpanFromContext(r.Context()); span != nil && measured {
		span.SetTag(WorkTag, work.Microseconds())
	}
	switch {
	case errors.Is(err, errNoBook):
		http.Error(w, err.Error(), http.StatusNotFound)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(page) // an error means that the client has gone
	}
}

// page makes the page of a book. Everything is work except while the clock is paused.
func (s *Shop) page(ctx context.Context, id string, clock *worktime.Clock) ([]byte, error) {
	clock.Pause()
	stored, err := s.Redis.Get(ctx, s.KeyPrefix+"book:"+id).Bytes()
	clock.Resume()
	if errors.Is(err, redis.Nil) {
		return nil, errNoBook
	} else if err != nil {
		return nil, err
	}
	content := content{}
	if err := json.Unmarshal(stored, &content.Book); err != nil {
		return nil, err
	}
	content.Ticket = seal("download "+id, 60_000)

	if content.Reviews, err = s.reviews(ctx, content.Book, clock); err != nil {
		return nil, fmt.Errorf("reviews: %w", err)
	}
	if content.Similar, err = s.similar(ctx, content.Book, clock); err != nil {
		return nil, fmt.Errorf("similar books: %w", err)
	}
	if content.Offers, err = s.offers(ctx, id, clock); err != nil {
		return nil, fmt.Errorf("offers: %w", err)
	}
	var page bytes.Buffer
	err = template.Execute(&page, content)
	return page.Bytes(), err
}

// selectReviews pauses before every 128th row, as a database does that reads from disk.
const selectReviews = `SELECT reader, stars, body, IF(id % 128 = 0, SLEEP(0.018), 0) ` +
	`FROM reviews WHERE book_id = ? ORDER BY id`

// reviews returns the best reviews that were not copied from the book's blurb. It compares each as
// it arrives.
func (s *Shop) reviews(ctx context.Context, book Book, clock *worktime.Clock) ([]review, error) {
	clock.Pause()
	rows, err := s.SQL.QueryContext(ctx, selectReviews, book.ID)
	clock.Resume()
	if err != nil {
		return nil, err
	}
	defer rows.Close()

	next := func() bool {
		clock.Pause()
		defer clock.Resume()
		return rows.Next()
	}
	var reviews []review
	var body, rest sql.RawBytes
	blurb := []byte(book.Blurb)
	scratch := make([]int, len(blurb)+1)
	for next() {
		var r review
		if err := rows.Scan(&r.Reader, &r.Stars, &body, &rest); err != nil {
			return nil, err
		}
		if editDistance(body, blurb, scratch) > len(body)/2 {
			r.Body = string(body)
			reviews = append(reviews, r)
		}
	}
	slices.SortStableFunc(reviews, func(a, b review) int { return cmp.Compare(b.Stars, a.Stars) })
	return reviews[:min(len(reviews), 200)], rows.Err()
}

func (s *Shop) similar(ctx context.Context, book Book, clock *worktime.Clock) ([]Book, error) {
	match := map[string]any{"match": map[string]any{"blurb": book.Blurb}}
	query, err := json.Marshal(map[string]any{"size": 20, "query": match})
	if err != nil {
		return nil, err
	}
	search := s.Elasticsearch.Search
	clock.Pause()
	res, err := search(search.WithContext(ctx), search.WithIndex(s.Index), search.WithBody(bytes.NewReader(query)))
	clock.Resume()
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.IsError() {
		return nil, errors.New(res.Status())
	}
	var found struct {
		Hits struct {
			Hits []struct {
				Source Book `json:"_source"`
			}
		}
	}
	if err := json.NewDecoder(clock.Reader(res.Body)).Decode(&found); err != nil {
		return nil, err
	}
	var similar []Book
	for _, hit := range found.Hits.Hits {
		if hit.Source.ID != book.ID {
			similar = append(similar, hit.Source)
		}
	}
	return similar, nil
}

// offers returns the supplier's offers. It checks the seal of each as it arrives.
func (s *Shop) offers(ctx context.Context, id string, clock *worktime.Clock) ([]offer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Supplier+"/offers/"+id, nil)
	if err != nil {
		return nil, err
	}
	clock.Pause()
	res, err := s.HTTP.Do(req)
	clock.Resume()
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, errors.New(res.Status)
	}
	var offers []offer
	for arriving := json.NewDecoder(clock.Reader(res.Body)); ; {
		var o offer
		if err := arriving.Decode(&o); err == io.EOF {
			return offers, nil
		} else if err != nil {
			return nil, err
		}
		if o.Seal != seal(o.text(), sealRounds) {
			return nil, fmt.Errorf("%s: the seal is broken", o.Warehouse)
		}
		offers = append(offers, o)
	}
}
