// Package rowsort sorts the rows of package rollup within a bound of memory. It sorts as many rows
// as fit, writes them to a temporary file as a run, and merges all runs:
//
//	Add → chunks of rows, full → sort → run in the temporary file ─┐
//	                      full → sort → run in the temporary file ─┼→ merge → Read
//	                      rest → sort → in memory                 ─┘
//
// If all rows fit, there is no file. No other program sees the file, and it is gone when this
// program ends, however it ends.
package rowsort
