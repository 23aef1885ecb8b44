// Package budget checks the times of operations against limits from a file:
//
//	budgets:
//	  - operation: HTTP GET /books/{id}
//	    service: bookshop
//	    limits:
//	      - self p95 < 30ms
//	      - critical p50 < 5ms
//	      - share < 20%
//
// [Parse] parses such a file, [Measures] measures traces, [Check] compares both, and [Propose]
// makes a file from measures.
package budget
