package literals

import "net/http"

func servers(h http.Handler) {
	serve(&http.Server{Addr: ":80", Handler: h}) // want `GT201`
	serve(&http.Server{                          // want `GT201`
		Addr:    ":80",
		Handler: h,
	})
	serve(&http.Server{ // want `GT201`
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusNoContent)
		}),
	})
	serve(&http.Server{ // want `GT201`
		Addr: ":80", // the usual port
	})
	serve(new(http.Server))                                                      // want `GT201`
	for _, s := range []*http.Server{{Addr: ":80"}, {Addr: ":81", Handler: h}} { // want `GT201` `GT201`
		serve(s)
	}
}

func serve(s *http.Server) { s.ListenAndServe() }
