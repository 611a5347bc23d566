/* A program in C that has a library in Go in it, and waits for a line. */
#include <stdio.h>

extern long long Count(long long entries);

int main(void) {
	printf("READY %lld\n", Count(1000));
	fflush(stdout);
	getchar();
	return 0;
}
