module slowmap.test/matrix

go 1.18
