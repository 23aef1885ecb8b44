// Package books is what sqlc generates: code that asks for a DBTX, the interface that *sql.DB, *sql.Tx and *gapsql.DB have.
// "sqlc generate" in this folder writes it anew.
package books
