module slowmap.test/library

go 1.18
