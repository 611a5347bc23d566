module slowmap.test/cycles

go 1.21

require slowmap.test/groundtruth v0.0.0

replace slowmap.test/groundtruth => ../groundtruth
