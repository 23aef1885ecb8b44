module record

go 1.21
