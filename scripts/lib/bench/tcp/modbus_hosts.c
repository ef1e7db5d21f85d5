// Many Modbus TCP hosts in one process: every address of 127.0.0.0/8 at one port. Each answers function 3 and 4 for any registers with
// floats (high word first) that change with every request.
//
//   modbus_hosts HOSTS PORT SILENT      the first SILENT hosts (127.1.1.1 ...) accept and never answer
//
// At PORT + 1 nobody listens: a host that refuses. At PORT + 2 nothing is ever accepted and connections stay without an answer, as to a host
// that has vanished.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 8192, REQUEST = 260 };
static struct { unsigned char bytes[REQUEST]; int filled, host; } peers[MOST];
static uint32_t noise = 1;

// The place of an address among those that rig.py gives its devices.
static int host_of(int socket) {
    struct sockaddr_in own;
    socklen_t length = sizeof own;
    if (getsockname(socket, (struct sockaddr *)&own, &length) < 0) return 0;
    const unsigned char *part = (const unsigned char *)&own.sin_addr;
    return (part[1] - 1) * 62500 + (part[2] - 1) * 250 + part[3] - 1;
}

static void answer(int socket, const unsigned char *request) {
    unsigned char reply[REQUEST + 8];
    int count = request[10] << 8 | request[11];
    if ((request[7] != 3 && request[7] != 4) || count < 1 || count > 125) {
        memcpy(reply, request, 4);
        const unsigned char refusal[] = {0, 3, request[6], (unsigned char)(request[7] | 0x80), 2};
        memcpy(reply + 4, refusal, sizeof refusal);
        if (write(socket, reply, 9) < 0) return;
        return;
    }
    memcpy(reply, request, 4);
    int length = 3 + 2 * count;
    reply[4] = (unsigned char)(length >> 8);
    reply[5] = (unsigned char)length;
    reply[6] = request[6];
    reply[7] = request[7];
    reply[8] = (unsigned char)(2 * count);
    for (int index = 0; index < 2 * count; index += 4) {
        noise = noise * 1664525u + 1013904223u;
        float value = 230.0f + (float)(noise >> 8) / 16777216.0f * 10.0f;
        uint32_t bits;
        memcpy(&bits, &value, 4);
        unsigned char *to = reply + 9 + index;
        to[0] = (unsigned char)(bits >> 24);
        to[1] = (unsigned char)(bits >> 16);
        if (index + 2 < 2 * count) {
            to[2] = (unsigned char)(bits >> 8);
            to[3] = (unsigned char)bits;
        }
    }
    if (write(socket, reply, (size_t)(9 + 2 * count)) < 0) return;
}

int main(int count, char **arguments) {
    if (count != 4) return 2;
    int silent = atoi(arguments[3]);
    struct rlimit files = {MOST, MOST};
    setrlimit(RLIMIT_NOFILE, &files);
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[2]))};
    place.sin_addr.s_addr = htonl(INADDR_ANY);
    if (bind(listener, (struct sockaddr *)&place, sizeof place) < 0 || listen(listener, 4096) < 0) {
        perror("modbus_hosts");
        return 1;
    }
    // A full queue makes the kernel drop what comes after it. One is taken where the queue's length is said to be 0.
    int vanished = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(vanished, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    place.sin_port = htons((uint16_t)(atoi(arguments[2]) + 2));
    if (bind(vanished, (struct sockaddr *)&place, sizeof place) < 0 || listen(vanished, 0) < 0) {
        perror("modbus_hosts");
        return 1;
    }
    int plug = socket(AF_INET, SOCK_STREAM, 0);
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(plug, (struct sockaddr *)&place, sizeof place) < 0) perror("modbus_hosts");
    int poll = epoll_create1(0);
    struct epoll_event wanted = {.events = EPOLLIN, .data.fd = listener}, ready[256];
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &wanted);
    for (;;) {
        int found = epoll_wait(poll, ready, 256, -1);
        for (int index = 0; index < found; index++) {
            int socket = ready[index].data.fd;
            if (socket == listener) {
                int peer = accept(listener, NULL, NULL);
                if (peer < 0 || peer >= MOST) continue;
                setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                peers[peer].filled = 0;
                peers[peer].host = host_of(peer);
                wanted.data.fd = peer;
                epoll_ctl(poll, EPOLL_CTL_ADD, peer, &wanted);
                continue;
            }
            unsigned char *bytes = peers[socket].bytes;
            ssize_t got = read(socket, bytes + peers[socket].filled, (size_t)(REQUEST - peers[socket].filled));
            if (got <= 0) {
                close(socket);
                continue;
            }
            int filled = peers[socket].filled += (int)got;
            while (filled >= 12) {
                if (peers[socket].host >= silent) answer(socket, bytes);
                int length = 6 + (bytes[4] << 8 | bytes[5]);
                if (length > filled) break;
                memmove(bytes, bytes + length, (size_t)(filled - length));
                filled -= length;
            }
            peers[socket].filled = filled;
        }
    }
}
