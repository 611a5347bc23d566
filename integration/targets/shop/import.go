package main

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// Articles in the supplier's feed.
const feedArticles = 5_000

// supplierFeed is the JSON document that imports read: one object with an entry for each article.
func supplierFeed() []byte {
	articles := make(map[string]any, feedArticles)
	for i := 0; i < feedArticles; i++ {
		articles[fmt.Sprintf("article-%06d", i)] = map[string]any{"price": 199 + i%1000, "stock": i % 50}
	}
	feed, err := json.Marshal(articles)
	if err != nil {
		panic(err)
	}
	return feed
}

// importCatalog decodes without a type, so that encoding/json makes the maps, one entry at a time.
func (s *shop) importCatalog(w http.ResponseWriter, r *http.Request) {
	articles, err := s.decodeFeed()
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, "%d articles imported\n", len(articles))
}

func (s *shop) decodeFeed() (map[string]any, error) {
	var articles map[string]any
	err := json.Unmarshal(s.feed, &articles)
	return articles, err
}
