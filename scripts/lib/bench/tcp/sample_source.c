// A driver without a field: speaks the driver protocol (Sources/DriverProtocol/driver.proto) and sends as many readings as it is
// told, so that what the daemon costs is measured alone.
//
// POINTS numbers of each configured device once a second, evenly spread over the second. What differs is compiled in, because the
// daemon hands its drivers no environment.
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifndef POINTS
#define POINTS 40
#endif
#ifndef SHARED_POINTS
#define SHARED_POINTS 1
#endif

enum { MOST_DEVICES = 4096, MESSAGE = 262144 };

static uint32_t devices[MOST_DEVICES];
static int device_count;
static const int points = POINTS;
static const int64_t period_ns = 1000000000;
static unsigned char out[MESSAGE + 16];
static unsigned char *at;

static int64_t boot_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void varint(uint64_t value) {
    while (value >= 0x80) {
        *at++ = (unsigned char)(value | 0x80);
        value >>= 7;
    }
    *at++ = (unsigned char)value;
}

static void text(int field, const char *value) {
    size_t length = strlen(value);
    varint((uint64_t)field << 3 | 2);
    varint(length);
    memcpy(at, value, length);
    at += length;
}

static void number(int field, uint64_t value) {
    varint((uint64_t)field << 3);
    varint(value);
}

// What is written between these becomes one field with its length in front (always three bytes, which protobuf allows).
static unsigned char *begin(int field) {
    varint((uint64_t)field << 3 | 2);
    at += 3;
    return at;
}

static void end(unsigned char *start) {
    size_t length = (size_t)(at - start);
    start[-3] = (unsigned char)(length | 0x80);
    start[-2] = (unsigned char)(length >> 7 | 0x80);
    start[-1] = (unsigned char)(length >> 14);
}

static void message_begin(void) {
    at = out + 3;
    number(1, 1);
}

static void message_send(void) {
    end(out + 3);
    unsigned char *from = out;
    while (from < at) {
        ssize_t count = write(1, from, (size_t)(at - from));
        if (count > 0) from += count;
        else if (errno != EINTR) exit(0);
    }
}

static uint64_t zigzag(int64_t value) { return (uint64_t)value << 1 ^ (uint64_t)(value >> 63); }

static uint32_t noise = 12345;
static uint32_t next_noise(void) { return noise = noise * 1664525u + 1013904223u; }

static void send_samples(uint32_t device, int64_t stamp) {
    message_begin();
    unsigned char *body = begin(6);
    number(1, device);
    number(2, (uint64_t)stamp);
    unsigned char *column = begin(3);
    for (int point = 0; point < points; point++) varint((uint64_t)point);
    end(column);
    column = begin(7);
    for (int point = 0; point < points; point++) varint(zigzag(10000000 + (int64_t)(next_noise() >> 8)));
    end(column);
    column = begin(8);
    for (int point = 0; point < points; point++) varint(zigzag(-5 + point % 3));
    end(column);
    end(body);
    message_send();
}

static void send_hello(const char *name) {
    message_begin();
    unsigned char *body = begin(2);
    text(1, name);
    text(2, "1");
    number(3, 1);
    end(body);
    message_send();
}

static void send_configured(uint64_t request, int shared) {
    message_begin();
    unsigned char *body = begin(3);
    number(1, request);
    for (int index = 0; index < device_count; index++) {
        unsigned char *device = begin(3);
        if (devices[index]) number(1, devices[index]);
        number(2, 1);
        if (shared && index > 0) number(8, devices[0]);
        else for (int point = 0; point < points; point++) {
            char name[64];
            snprintf(name, sizeof name, "voltage.ch%d.L1", point + 1);
            unsigned char *one = begin(3);
            text(1, name);
            text(3, "V");
            number(9, (uint64_t)(period_ns / 1000000));
            end(one);
        }
        end(device);
    }
    end(body);
    message_send();
}

static void send_started(void) {
    message_begin();
    unsigned char *body = begin(4);
    text(1, "nothing");
    end(body);
    message_send();
}

static void send_heartbeat(uint64_t turns) {
    message_begin();
    unsigned char *body = begin(10);
    number(1, turns);
    number(2, (uint64_t)boot_ns());
    number(3, 1);
    end(body);
    message_send();
}

static uint64_t read_varint(const unsigned char **from, const unsigned char *limit) {
    uint64_t value = 0;
    for (int shift = 0; *from < limit; shift += 7) {
        unsigned char byte = *(*from)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) break;
    }
    return value;
}

// Steps over one field; for one with a length, *inner is where its bytes begin.
static int next_field(const unsigned char **from, const unsigned char *limit, const unsigned char **inner, uint64_t *value) {
    if (*from >= limit) return 0;
    uint64_t tag = read_varint(from, limit);
    *value = read_varint(from, limit);
    *inner = *from;
    if ((tag & 7) == 2) *from += *value;
    return (int)(tag >> 3);
}

static uint64_t configure(const unsigned char *from, const unsigned char *limit) {
    uint64_t request = 0, value;
    const unsigned char *inner;
    device_count = 0;
    for (int field; (field = next_field(&from, limit, &inner, &value)) != 0;) {
        if (field == 1) request = value;
        if (field != 5 || device_count == MOST_DEVICES) continue;
        uint64_t index = 0, own;
        const unsigned char *device = inner, *ignored;
        for (int key; (key = next_field(&device, inner + value, &ignored, &own)) != 0;)
            if (key == 1) index = own;
        devices[device_count++] = (uint32_t)index;
    }
    return request;
}

int main(void) {
    static unsigned char in[8 << 20];
    size_t filled = 0;
    int running = 0, next = 0;
    int64_t begun = 0, sent = 0, beat = 0;
    uint64_t turns = 0;
    for (;;) {
        struct pollfd input = {0, POLLIN, 0};
        if (poll(&input, 1, running ? 1 : -1) > 0) {
            ssize_t count = read(0, in + filled, sizeof in - filled);
            if (count <= 0) return 0;
            filled += (size_t)count;
            const unsigned char *from = in, *limit = in + filled;
            for (;;) {
                const unsigned char *start = from;
                uint64_t length = read_varint(&start, limit);
                if (start >= limit || (uint64_t)(limit - start) < length) break;
                const unsigned char *body = start, *inner;
                uint64_t value;
                for (int field; (field = next_field(&body, start + length, &inner, &value)) != 0;) {
                    if (field == 2) send_hello("synthetic");
                    if (field == 3) send_configured(configure(inner, inner + value), SHARED_POINTS);
                    if (field == 4) {
                        send_started();
                        running = 1;
                        begun = boot_ns();
                    }
                    if (field == 10) return 0;
                }
                from = start + length;
            }
            filled = (size_t)(limit - from);
            memmove(in, from, filled);
        }
        if (!running) continue;
        int64_t now = boot_ns();
        if (now - beat > 1000000000) {
            beat = now;
            send_heartbeat(++turns);
        }
        while (device_count && begun + sent * period_ns / device_count <= now) {
            send_samples(devices[next], boot_ns());
            next = (next + 1) % device_count;
            sent++;
        }
    }
}
