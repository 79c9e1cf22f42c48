#include "storage/codec/crc32.h"

#include <isa-l/crc.h>

namespace warren::storage {

uint32_t ExtendCrc32(uint32_t crc, const void* bytes, size_t size) {
  return crc32_gzip_refl(crc, static_cast<const unsigned char*>(bytes), size);
}

}  // namespace warren::storage
