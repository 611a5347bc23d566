package groundtruth

import (
	"encoding/json"
	"fmt"
)

// Served is the outcome of a service that makes requests of itself: the last line of its output.
type Served struct {
	Writes      uint64  `json:"writes"`
	Seconds     float64 `json:"seconds"`
	Throughput  float64 `json:"throughput"`
	Slow        int     `json:"slow"`
	SlowDropped int     `json:"slow_dropped"`
	Requests    int64   `json:"requests"`
	Failed      int64   `json:"failed"`
	ChecksumOK  bool    `json:"checksum_ok"`
}

// Finish saves the slow writes and prints the outcome. Wrong maps and failed requests are an error, after that.
func (o Served) Finish(path string, slow *Shared, wrongMaps int64) error {
	var err error
	if o.Slow, _, o.SlowDropped, err = Save(path, []*Log{slow.Log()}); err != nil {
		return err
	}
	o.ChecksumOK = wrongMaps == 0
	line, err := json.Marshal(o)
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	if wrongMaps > 0 || o.Failed > 0 {
		return fmt.Errorf("%d maps wrong, %d requests failed", wrongMaps, o.Failed)
	}
	return nil
}
