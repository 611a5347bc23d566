// Package shop has types whose package path has slashes in it.
package shop

type Seller interface {
	Sell(what string) int
	Stock() map[string]*Order
}

type Order struct {
	ID   int
	Name string
}

type Clerk struct{ orders map[string]*Order }

func (c *Clerk) Sell(what string) int {
	if c.orders == nil {
		c.orders = map[string]*Order{}
	}
	c.orders[what] = &Order{ID: len(c.orders), Name: what}
	return len(c.orders)
}

func (c *Clerk) Stock() map[string]*Order { return c.orders }

// Ledger is a map with methods: its descriptor is a map's, with a package path behind it.
type Ledger map[string]int

func (l Ledger) Sell(what string) int     { l[what]++; return l[what] }
func (l Ledger) Stock() map[string]*Order { return nil }

// Box is generic: its name has the type arguments' paths in it.
type Box[T any] struct{ content T }

func (b *Box[T]) Sell(what string) int     { return len(what) }
func (b *Box[T]) Stock() map[string]*Order { return nil }
