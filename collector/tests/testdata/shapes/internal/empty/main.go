// Empty does nothing, quickly built for any machine.
package main

func main() {}
