-- name: GetBook :one
SELECT * FROM book WHERE id = ?;

-- name: ListBooks :many
SELECT * FROM book ORDER BY id;

-- name: AddBook :execresult
INSERT INTO book (id, title) VALUES (?, ?);
