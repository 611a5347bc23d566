module writer

go 1.18
