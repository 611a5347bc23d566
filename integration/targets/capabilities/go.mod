module slowmap.test/capabilities

go 1.21
