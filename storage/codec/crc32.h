// CRC-32 of zlib and Ethernet, by the processor's wide instructions where it has them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace warren::storage {

// Of what `crc` is of, followed by these bytes; a `crc` of 0 is of nothing.
uint32_t ExtendCrc32(uint32_t crc, const void* bytes, size_t size);

}  // namespace warren::storage
