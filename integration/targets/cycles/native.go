package main

// Where cgo is enabled it is linked in; where it is not, this file is left out.

import "C"
