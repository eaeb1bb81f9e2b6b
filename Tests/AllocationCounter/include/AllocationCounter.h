// Counts what the whole process takes from the heap: the functions of the C library are replaced by ones that count.
#ifndef ALLOCATION_COUNTER_H
#define ALLOCATION_COUNTER_H

#include <stddef.h>

/// Whether counting works here: on Linux with the GNU C library, and under no sanitizer, which replaces them itself.
int allocation_counter_works(void);
/// Counts from zero.
void allocation_counter_start(void);
/// Stops counting, and returns the number of allocations since the start.
size_t allocation_counter_stop(void);
/// Prints who made the first few of them to standard error.
void allocation_counter_print(void);

#endif
