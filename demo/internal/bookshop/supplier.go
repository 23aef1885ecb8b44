package bookshop

import (
	"database/sql"
	"encoding/json"
	"net/http"
)

// Supplier serves GET /offers/{id}. It queries one warehouse after the other and sends each offer
// immediately, so its answer arrives slowly, in pieces.
type Supplier struct {
	SQL *sql.DB
}

// Handler returns the supplier's handler.
func (s *Supplier) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /offers/{id}", s.offers)
	return mux
}

// selectStock takes 6 ms, because the warehouse is far away.
const selectStock = `SELECT copies, cents, seal, SLEEP(0.006) FROM stock WHERE warehouse = ? AND book_id = ?`

func (s *Supplier) offers(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	pieces, control := json.NewEncoder(w), http.NewResponseController(w)
	for _, warehouse := range warehouses {
		o := offer{Warehouse: warehouse}
		var rest int
		row := s.SQL.QueryRowContext(r.Context(), selectStock, warehouse, r.PathValue("id"))
		err := row.Scan(&o.Copies, &o.Cents, &o.Seal, &rest)
		if err == nil {
			err = pieces.Encode(o)
		}
		if err == nil {
			err = control.Flush()
		}
		if err != nil {
			panic(http.ErrAbortHandler) // a partial answer must not look complete
		}
	}
}
