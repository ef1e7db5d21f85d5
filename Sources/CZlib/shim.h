#pragma once
#include <string.h>
#include <zlib.h>

/// The most bytes that `candela_gzip` makes of `count`.
static inline size_t candela_gzip_bound(size_t count) {
    // deflate's bound, and gzip's head and tail of 18 bytes.
    return compressBound(count) + 18;
}

/// Compresses into the format of gzip (RFC 1952). 0 when there is no memory.
static inline size_t candela_gzip(const void *input, size_t count, void *output, size_t capacity) {
    z_stream stream;
    memset(&stream, 0, sizeof stream);
    // 15 bits of window, and 16 for gzip's head and tail instead of zlib's.
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) return 0;
    stream.next_in = (Bytef *)input;
    stream.avail_in = (uInt)count;
    stream.next_out = (Bytef *)output;
    stream.avail_out = (uInt)capacity;
    int code = deflate(&stream, Z_FINISH);
    size_t made = stream.total_out;
    deflateEnd(&stream);
    return code == Z_STREAM_END ? made : 0;
}
