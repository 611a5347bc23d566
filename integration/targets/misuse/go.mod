module slowmap.test/misuse

go 1.22

require slowmap.test/groundtruth v0.0.0

replace slowmap.test/groundtruth => ../groundtruth
