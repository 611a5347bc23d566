module slowmap.test/groundtruth

go 1.21
