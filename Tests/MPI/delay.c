// Carries Ethernet frames between two TAP devices and keeps each for a time, as a long cable does: where the kernel has no
// netem.
//
// usage: delay NAMESPACE-A DEVICE-A NAMESPACE-B DEVICE-B MICROSECONDS
//
// Makes the devices in the named network namespaces, prints a line when they are there, and runs until it is ended. Frames
// that find no room are dropped, as anywhere.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { frame_bytes = 65600, queue_frames = 4096 };

struct frame {
  int64_t due;
  int size;
  char *bytes;
};

// Frames on the way from one device to the other, in the order in which they came.
struct line {
  int from, to;
  unsigned first, count;
  struct frame frames[queue_frames];
};

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int tap(const char *space, const char *device) {
  char path[256];
  snprintf(path, sizeof path, "/var/run/netns/%s", space);
  int handle = open(path, O_RDONLY | O_CLOEXEC);
  if (handle < 0 || setns(handle, CLONE_NEWNET) < 0) fail(path);
  close(handle);
  int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (tun < 0) fail("/dev/net/tun");
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
  snprintf(request.ifr_name, sizeof request.ifr_name, "%s", device);
  if (ioctl(tun, TUNSETIFF, &request) < 0) fail(device);
  return tun;
}

static void take(struct line *line, int64_t delay) {
  static char buffer[frame_bytes];
  for (;;) {
    ssize_t size = read(line->from, buffer, sizeof buffer);
    if (size <= 0) return;
    if (line->count == queue_frames) continue;
    struct frame *frame = &line->frames[(line->first + line->count) % queue_frames];
    frame->bytes = malloc((size_t)size);
    if (!frame->bytes) fail("malloc");
    memcpy(frame->bytes, buffer, (size_t)size);
    frame->size = (int)size;
    frame->due = now() + delay;
    line->count += 1;
  }
}

// Passes on what is due. Returns the time until the next frame is, in nanoseconds, or -1.
static int64_t pass(struct line *line) {
  while (line->count > 0) {
    struct frame *frame = &line->frames[line->first];
    int64_t rest = frame->due - now();
    if (rest > 0) return rest;
    if (write(line->to, frame->bytes, (size_t)frame->size) < 0 && errno == EAGAIN) return 20000;
    free(frame->bytes);
    line->first = (line->first + 1) % queue_frames;
    line->count -= 1;
  }
  return -1;
}

int main(int count, char **arguments) {
  if (count != 6) {
    fprintf(stderr, "usage: delay NAMESPACE-A DEVICE-A NAMESPACE-B DEVICE-B MICROSECONDS\n");
    return 64;
  }
  int64_t delay = strtoll(arguments[5], NULL, 10) * 1000;
  int a = tap(arguments[1], arguments[2]), b = tap(arguments[3], arguments[4]);
  static struct line there, back;
  there.from = back.to = a;
  there.to = back.from = b;
  puts("ready");
  fflush(stdout);
  for (;;) {
    int64_t first = pass(&there), second = pass(&back);
    int64_t rest = first < 0 || (second >= 0 && second < first) ? second : first;
    struct timespec wait = {rest / 1000000000, rest % 1000000000};
    struct pollfd files[2] = {{.fd = a, .events = POLLIN}, {.fd = b, .events = POLLIN}};
    if (ppoll(files, 2, rest < 0 ? NULL : &wait, NULL) < 0 && errno != EINTR) fail("ppoll");
    take(&there, delay);
    take(&back, delay);
  }
}
