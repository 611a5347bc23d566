// Empty: its presence allows the function without a body in clock.go.
