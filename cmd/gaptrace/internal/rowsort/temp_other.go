//go:build !windows

package rowsort

// deleteOnClose is not needed: an open file can be removed.
const deleteOnClose = 0
