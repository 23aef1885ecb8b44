// Package budget checks what operations take against limits from a file:
//
//	budgets:
//	  - operation: HTTP GET /books/{id}
//	    service: bookshop
//	    limits:
//	      - self p95 < 30ms
//	      - critical p50 < 5ms
//	      - share < 20%
//
// [Parse] reads such a file, [Measures] measures traces, [Check] compares them, and [Propose] makes
// a file from measures.
package budget
