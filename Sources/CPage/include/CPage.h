// The page at `/`, its dashboard, the page of usage and the files that they are made of, as constants.
#ifndef CPAGE_H
#define CPAGE_H

#include <stddef.h>

// A file: its path below the server's root, its media type and its bytes.
typedef struct {
  const char *path;
  const char *media_type;
  const unsigned char *bytes;
  size_t length;
} cpage_file;

// All files.
extern const cpage_file *const cpage_files;
// Their number.
extern const size_t cpage_file_count;

#endif
