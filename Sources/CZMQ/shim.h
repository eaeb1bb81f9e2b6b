// What a publisher needs of ZeroMQ: sockets with their settings, messages of several parts, and one wait for both requests and
// a bell that another thread rings.
#ifndef CZMQ_SHIM_H
#define CZMQ_SHIM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

// The most bytes of a part of a message that a subscriber sends: the beginning of a topic, or a number.
enum { CZMQ_MAX_REQUEST = 4096 };

// A socket that drops what a peer does not take, and never waits for one. NULL with zmq_errno() set.
static inline void *czmq_open(void *context, int type, int high_water_mark, int is_ipv6) {
  void *socket = zmq_socket(context, type);
  if (!socket) return NULL;
  const int linger = 200, on = 1, idle = 60, interval = 15, count = 4;
  const int64_t largest = CZMQ_MAX_REQUEST;
  int error = zmq_setsockopt(socket, ZMQ_SNDHWM, &high_water_mark, sizeof high_water_mark);
  error |= zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
  error |= zmq_setsockopt(socket, ZMQ_IPV6, &is_ipv6, sizeof is_ipv6);
  error |= zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &largest, sizeof largest);
  // Peers that the network has lost are found out.
  error |= zmq_setsockopt(socket, ZMQ_TCP_KEEPALIVE, &on, sizeof on);
  error |= zmq_setsockopt(socket, ZMQ_TCP_KEEPALIVE_IDLE, &idle, sizeof idle);
  error |= zmq_setsockopt(socket, ZMQ_TCP_KEEPALIVE_INTVL, &interval, sizeof interval);
  error |= zmq_setsockopt(socket, ZMQ_TCP_KEEPALIVE_CNT, &count, sizeof count);
  // A peer that is gone, or that has too much before it, is an error and not a silent loss.
  if (type == ZMQ_ROUTER) error |= zmq_setsockopt(socket, ZMQ_ROUTER_MANDATORY, &on, sizeof on);
  if (!error) return socket;
  zmq_close(socket);
  return NULL;
}

// The address that a socket is bound or connected to.
static inline int czmq_address(void *socket, char *text, size_t size) {
  return zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, text, &size);
}

// Sends a part of a message without waiting.
static inline int czmq_send(void *socket, const void *bytes, size_t count, int is_last) {
  return zmq_send(socket, bytes, count, ZMQ_DONTWAIT | (is_last ? 0 : ZMQ_SNDMORE));
}

// Receives a part of a message without waiting: its length, of which `size` bytes at most are written, or below zero.
static inline int czmq_receive(void *socket, void *bytes, size_t size, int *is_last) {
  int count = zmq_recv(socket, bytes, size, ZMQ_DONTWAIT);
  int more = 0;
  size_t length = sizeof more;
  if (count >= 0 && zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &length)) return -1;
  *is_last = !more;
  return count;
}

static inline int czmq_bell(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

static inline void czmq_ring(int bell) { eventfd_write(bell, 1); }

// Waits for the bell, which is quiet afterwards, or for a message on a socket, which may be NULL. Returns whether there is one.
static inline int czmq_wait(void *socket, int bell) {
  zmq_pollitem_t items[] = {{NULL, bell, ZMQ_POLLIN, 0}, {socket, 0, ZMQ_POLLIN, 0}};
  if (zmq_poll(items, socket ? 2 : 1, -1) < 0) return 0;
  eventfd_t rings;
  if (items[0].revents) eventfd_read(bell, &rings);
  return socket && items[1].revents;
}

#endif
