// The last word of a process one of whose mapped files was cut short: which it was, and what to do about it.
//
// Reading a page of a mapped file that the file no longer has, or that its disk does not give, raises SIGBUS. Nothing can go
// on then, and the signal alone tells nobody why.
#ifndef CFAULTS_H
#define CFAULTS_H

#include <stddef.h>

/// The exit code of a process that ends so: EX_IOERR of sysexits.h.
#define CF_EXIT_CODE 74

/// Notes that a file is mapped at an address. Returns its place in the list, for `cf_forget_file`; -1 when there is no room
/// or no memory, so that a fault in the file has no explanation.
int cf_note_file(const void *base, size_t length, const char *path);

/// Forgets a file before it is unmapped. A place of -1 is none.
void cf_forget_file(int place);

/// Has faults in noted files end the process with a line on standard error and CF_EXIT_CODE. Faults elsewhere do what they
/// did before. Returns 0, or -1 with errno set.
int cf_explain_faults(void);

#endif
